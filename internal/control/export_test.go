package control

// Strict is the decoder of all bodies, for the fuzzer.
var Strict = strict
