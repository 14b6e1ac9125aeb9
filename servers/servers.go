// Package servers is the table of all servers that a fleet can run: the one
// place that knows their packages.
package servers

import (
	"counterpart/internal/serving/dialect"
	"counterpart/servers/duo"
	"counterpart/servers/ldap"
	"counterpart/servers/native"
	"counterpart/servers/radius"
	"counterpart/servers/rsa"
	"counterpart/servers/servicenow"
	"counterpart/servers/vault"
	"counterpart/servers/yubico"
)

// Table lists every kind of server.
func Table() []dialect.Kind {
	return []dialect.Kind{
		{Name: "native", New: native.New, Settings: native.Settings{}, Scope: native.Scope, Refusals: native.Refusals, Secrets: native.Secrets(), Load: native.Load},
		{Name: "radius", New: radius.New, Settings: radius.Settings{}, Personal: radius.Personal(), Scope: radius.Scope, Refusals: radius.Refusals, Facts: radius.Facts, Load: radius.Load},
		{Name: "ldap", New: ldap.New, Settings: ldap.Settings{}, Personal: ldap.Personal(), Scope: ldap.Scope, Refusals: ldap.Refusals, Facts: ldap.Facts, Load: ldap.Load},
		{Name: "vault", New: vault.New, Settings: vault.Settings{}, Scope: vault.Scope, Refusals: vault.Refusals, Secrets: vault.Secrets(), Facts: vault.Facts, Load: vault.Load},
		{Name: "servicenow", New: servicenow.New, Settings: servicenow.Settings{}, Personal: servicenow.Personal(), Scope: servicenow.Scope, Refusals: servicenow.Refusals, Secrets: servicenow.Secrets(), Facts: servicenow.Facts, Load: servicenow.Load},
		{Name: "duo", New: duo.New, Settings: duo.Settings{}, Scope: duo.Scope, Refusals: duo.Refusals, Secrets: duo.Secrets(), Facts: duo.Facts, Load: duo.Load},
		{Name: "yubico", New: yubico.New, Settings: yubico.Settings{}, Scope: yubico.Scope, Refusals: yubico.Refusals, Secrets: yubico.Secrets(), Facts: yubico.Facts, Load: yubico.Load},
		{Name: "rsa", New: rsa.New, Settings: rsa.Settings{}, Scope: rsa.Scope, Refusals: rsa.Refusals, Secrets: rsa.Secrets(), Facts: rsa.Facts, Load: rsa.Load},
	}
}

// Texts are files that clients of the servers need, by name: scenarios put them
// where a plugin looks for them.
func Texts() map[string]string {
	return map[string]string{"pyrad_dictionary": radius.PyradDictionary()}
}
