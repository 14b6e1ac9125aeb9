package yubico_test

import (
	"os"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/yubico"
)

func TestMain(m *testing.M) {
	os.Exit(dialecttest.Refusals(m, dialect.Kind{Name: "yubico", Scope: yubico.Scope, Refusals: yubico.Refusals}, "refusals.txt"))
}
