#!/usr/bin/perl
# maildkim.pl CORPUS verify|sign SET SECONDS: Mail::DKIM on one core, DNS from memory, every result checked.
# Prints operations a CPU second.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::DNS;
use Mail::DKIM::PrivateKey;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;
use Net::DNS;

my ($corpus, $what, $set, $seconds) = @ARGV;

sub read_file {
    my ($path) = @_;
    local $/;
    open my $file, '<:raw', $path or die "$path: $!";
    return scalar <$file>;
}

{
    package Memory;    # stands for Net::DNS::Resolver
    my $zone = JSON::PP::decode_json(main::read_file("$corpus/zone.json"));
    my %packets;
    sub new { return bless {}, shift }
    sub errorstring { return 'NXDOMAIN' }
    sub dnsrch { }
    sub udppacketsize { }

    sub query {
        my ($self, $name, $type) = @_;
        $name = lc $name;
        return $packets{"$name/$type"} //= do {
            my $packet = Net::DNS::Packet->new($name, $type, 'IN');
            for my $value (@{ ($zone->{$name} || {})->{$type} || [] }) {
                my $text = join ' ', map { qq("$_") } $value =~ /(.{1,255})/g;
                $packet->push(answer => Net::DNS::RR->new("$name. 300 IN $type $text"));
            }
            $packet;
        };
    }
    sub send { my $self = shift; return $self->query(@_) }
    sub search { my $self = shift; return $self->query(@_) }
}
Mail::DKIM::DNS::resolver(Memory->new);

my @messages = map { read_file((split /\t/)[0]) } split /\n/, read_file("$corpus/$set.manifest");
my $key = Mail::DKIM::PrivateKey->load(File => "$corpus/key.pem");

sub verify {
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT($_[0]);
    $verifier->CLOSE;
    die $verifier->result_detail unless $verifier->result eq 'pass';
}

sub sign {
    my $signer = Mail::DKIM::Signer->new(
        Algorithm => 'rsa-sha256', Method => 'relaxed/relaxed', Domain => 'd00.example.com', Selector => 's1', Key => $key);
    $signer->PRINT($_[0]);
    $signer->CLOSE;
    die 'no signature' unless $signer->signature->as_string =~ /b=/;
}

sub cpu { my ($user, $system) = times; return $user + $system }

my $work = { verify => \&verify, sign => \&sign }->{$what} or die "verify or sign\n";
$work->($_) for @messages;
my ($count, $start) = (0, cpu());
while (cpu() - $start < $seconds) {
    $work->($messages[ $count++ % @messages ]);
}
printf "%.1f\n", $count / (cpu() - $start);
