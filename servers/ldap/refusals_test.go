package ldap_test

import (
	"os"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/ldap"
)

func TestMain(m *testing.M) {
	os.Exit(dialecttest.Refusals(m, dialect.Kind{Name: "ldap", Scope: ldap.Scope, Refusals: ldap.Refusals}, "refusals.txt"))
}
