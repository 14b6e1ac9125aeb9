package radius

import "counterpart/internal/serving/dialect"

// Personal are the settings of people and clients that this server reads.
func Personal() []dialect.Personal {
	return []dialect.Personal{
		{Of: "user", Key: "radius.eap_methods", Doc: "EAP methods that the person may use, separated by commas."},
		{Of: "user", Key: "radius.token_mode", Doc: "RSA: normal, next_tokencode or new_pin."},
		{Of: "client", Key: "require_message_authenticator", Doc: "RADIUS client: yes, no or auto."},
		{Of: "client", Key: "limit_proxy_state", Doc: "RADIUS client: yes, no or auto."},
		{Of: "client", Key: "tls_cn", Doc: "RadSec client: name in its certificate."},
	}
}
