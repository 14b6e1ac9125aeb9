# Asks a validation server twice with one object: client.pl ID KEY URL OTP...
use strict;
use warnings;
use Auth::Yubikey_WebClient;

my ($id, $key, $url, @otps) = @ARGV;
my $client = Auth::Yubikey_WebClient->new({ id => $id, api => $key, url => $url });
print $client->otp($_), "\n" for @otps;
