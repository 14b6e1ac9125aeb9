package servicenow_test

import (
	"os"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/servicenow"
)

func TestMain(m *testing.M) {
	os.Exit(dialecttest.Refusals(m, dialect.Kind{Name: "servicenow", Scope: servicenow.Scope, Refusals: servicenow.Refusals}, "refusals.txt"))
}
