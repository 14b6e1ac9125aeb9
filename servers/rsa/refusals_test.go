package rsa_test

import (
	"os"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/rsa"
)

func TestMain(m *testing.M) {
	os.Exit(dialecttest.Refusals(m, dialect.Kind{Name: "rsa", Scope: rsa.Scope, Refusals: rsa.Refusals}, "refusals.txt"))
}
