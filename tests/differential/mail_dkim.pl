# Mail::DKIM as a process that judges messages: a JSON object a line in, one a line out.
# In: {"text": base64, "zone": {name: [texts]}}. Out: {selector: [result, detail]}.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use Net::DNS;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;

package Zone;    # answers from the zone of the message at hand
sub new { bless {names => {}}, shift }
sub errorstring { 'NXDOMAIN' }

sub send {
    my ($self, $name, $type) = @_;
    my $packet = Net::DNS::Packet->new($name, $type);
    my $texts = $self->{names}{lc $name};
    $packet->header->rcode($texts ? 'NOERROR' : 'NXDOMAIN');
    $packet->push(answer => Net::DNS::RR->new(owner => $name, type => 'TXT', txtdata => [unpack '(a255)*', $_]))
        for @{$texts || []};
    return $packet;
}

package main;
my $zone = Zone->new;
Mail::DKIM::DNS::resolver($zone);
my $json = JSON::PP->new->utf8->canonical;
binmode STDIN;
$| = 1;
while (my $line = <STDIN>) {
    my $case = $json->decode($line);
    $zone->{names} = $case->{zone};
    my %results;
    eval {
        my $verifier = Mail::DKIM::Verifier->new(Strict => 1);
        $verifier->PRINT(decode_base64($case->{text}));
        $verifier->CLOSE;
        for my $signature ($verifier->signatures) {
            $results{$signature->selector // ''} = [$signature->result, $signature->result_detail];
        }
        1;
    } or $results{''} = ['died', "$@"];
    print $json->encode(\%results), "\n";
}
