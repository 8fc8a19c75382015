# Mail::DKIM as a process that signs messages: a JSON object a line in, the field a line out, both as JSON.
# In: {"text": base64, "form": "relaxed/simple", "domain": d, "selector": s, "key": base64 of DER}.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use Mail::DKIM::PrivateKey;
use Mail::DKIM::Signer;

my $json = JSON::PP->new->utf8->allow_nonref;
$| = 1;
while (my $line = <STDIN>) {
    my $case = $json->decode($line);
    my $signer = Mail::DKIM::Signer->new(
        Algorithm => 'rsa-sha256',
        Method => $case->{form},
        Domain => $case->{domain},
        Selector => $case->{selector},
        Key => Mail::DKIM::PrivateKey->load(Data => $case->{key}),
    );
    $signer->PRINT(decode_base64($case->{text}));
    $signer->CLOSE;
    print $json->encode(encode_base64($signer->signature->as_string, '')), "\n";
}
