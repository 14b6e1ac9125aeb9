package radius_test

import (
	"os"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/radius"
)

func TestMain(m *testing.M) {
	os.Exit(dialecttest.Refusals(m, dialect.Kind{Name: "radius", Scope: radius.Scope, Refusals: radius.Refusals}, "refusals.txt"))
}
