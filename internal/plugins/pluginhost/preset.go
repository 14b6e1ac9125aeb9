package pluginhost

// The vendor's sample values, as its SDK's scenarios have them.
var (
	sampleClient = Endpoint{IP: "1.2.3.4", Port: 12341, Hostname: "theclient.foo.bar"}
	sampleServer = Server{User: "targetuser", IP: "5.6.7.8", Port: 22}
)

// Preset returns the facts of one of the SDK's four scenarios by its name:
// SshWithGatewayAuth, SshWithoutGatewayAuth, RdpWithGatewayAuth or
// RdpWithoutGatewayAuth. Plugins and callbacks are the caller's to add.
func Preset(name string) (Session, bool) {
	c := Connection{Policy: "example", Client: sampleClient}
	switch name {
	case "SshWithGatewayAuth":
		c.Protocol, c.Gateway.User, c.Server = "ssh", "gatewayuser", sampleServer
	case "SshWithoutGatewayAuth": // the target's user is the gateway's
		c.Protocol, c.Server = "ssh", sampleServer
		c.Server.User = "gatewayuser"
	case "RdpWithGatewayAuth":
		c.Protocol, c.Gateway.User = "rdp", "gatewayuser"
	case "RdpWithoutGatewayAuth": // the user's name is data until a destination is known
		c.Protocol, c.KeyValues = "rdp", KeyValues{{"username", "gatewayuser"}}
	default:
		return Session{}, false
	}
	return Session{ID: c.Protocol + "-example-1", Connection: c}, true
}
