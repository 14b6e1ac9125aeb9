// Package attr knows RADIUS attributes by name: it turns what a seed says into
// octets, with every mistake found at start, and octets into one line for the
// operator, with secrets hidden.
package attr

import (
	"slices"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2867"
	"layeh.com/radius/rfc2868"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc4372"
	"layeh.com/radius/rfc5607"
)

// kind is how a value is written and shown.
type kind int

const (
	text kind = iota
	octets
	integer
	address
	address6
	prefix6
	interfaceID
	date
	hidden // shown to nobody; set by the protocol only
	salted // Tunnel-Password: encrypted per reply (RFC 2868 section 3.5)
)

// entry is one attribute of the dictionary.
type entry struct {
	name   string
	vendor uint32 // 0: a standard attribute
	typ    byte
	kind   kind
	tagged bool // RFC 2868
	ours   bool // the protocol's own; a seed may not set it
	values map[string]uint32
}

func std(t radius.Type, name string, k kind) entry { return entry{name: name, typ: byte(t), kind: k} }

func enum(t radius.Type, name string, values map[string]uint32) entry {
	return entry{name: name, typ: byte(t), kind: integer, values: values}
}

func own(t radius.Type, name string, k kind) entry {
	return entry{name: name, typ: byte(t), kind: k, ours: true}
}

func tag(t radius.Type, name string, k kind, values map[string]uint32) entry {
	return entry{name: name, typ: byte(t), kind: k, tagged: true, values: values}
}

func vsa(vendor uint32, t byte, name string, k kind) entry {
	return entry{name: name, vendor: vendor, typ: t, kind: k}
}

// names is a read-only table of values in their order from first on.
func names(first uint32, list ...string) map[string]uint32 {
	m := make(map[string]uint32, len(list))
	for i, n := range list {
		m[n] = first + uint32(i)
	}
	return m
}

// entries is the dictionary: what the RFCs and the vendors of the contract's
// section 3.2 define and a login can meet.
func entries() []entry {
	serviceTypes := names(1, "Login-User", "Framed-User", "Callback-Login-User", "Callback-Framed-User",
		"Outbound-User", "Administrative-User", "NAS-Prompt-User", "Authenticate-Only", "Callback-NAS-Prompt",
		"Call-Check", "Callback-Administrative")
	portTypes := names(0, "Async", "Sync", "ISDN", "ISDN-V120", "ISDN-V110", "Virtual")
	portTypes["Ethernet"], portTypes["Wireless-802.11"] = 15, 19
	return slices.Concat([]entry{
		std(rfc2865.UserName_Type, "User-Name", text),
		own(rfc2865.UserPassword_Type, "User-Password", hidden),
		own(rfc2865.CHAPPassword_Type, "CHAP-Password", hidden),
		std(rfc2865.NASIPAddress_Type, "NAS-IP-Address", address),
		std(rfc2865.NASPort_Type, "NAS-Port", integer),
		enum(rfc2865.ServiceType_Type, "Service-Type", serviceTypes),
		enum(rfc2865.FramedProtocol_Type, "Framed-Protocol", names(1, "PPP", "SLIP")),
		std(rfc2865.FramedIPAddress_Type, "Framed-IP-Address", address),
		std(rfc2865.FramedIPNetmask_Type, "Framed-IP-Netmask", address),
		std(rfc2865.FramedRouting_Type, "Framed-Routing", integer),
		std(rfc2865.FilterID_Type, "Filter-Id", text),
		std(rfc2865.FramedMTU_Type, "Framed-MTU", integer),
		std(rfc2865.FramedCompression_Type, "Framed-Compression", integer),
		std(rfc2865.LoginIPHost_Type, "Login-IP-Host", address),
		enum(rfc2865.LoginService_Type, "Login-Service", names(0, "Telnet", "Rlogin", "TCP-Clear", "PortMaster", "LAT")),
		std(rfc2865.LoginTCPPort_Type, "Login-TCP-Port", integer),
		std(rfc2865.ReplyMessage_Type, "Reply-Message", text),
		std(rfc2865.CallbackNumber_Type, "Callback-Number", text),
		std(rfc2865.CallbackID_Type, "Callback-Id", text),
		std(rfc2865.FramedRoute_Type, "Framed-Route", text),
		std(rfc2865.FramedIPXNetwork_Type, "Framed-IPX-Network", integer),
		own(rfc2865.State_Type, "State", hidden),
		std(rfc2865.Class_Type, "Class", octets),
		std(rfc2865.SessionTimeout_Type, "Session-Timeout", integer),
		std(rfc2865.IdleTimeout_Type, "Idle-Timeout", integer),
		enum(rfc2865.TerminationAction_Type, "Termination-Action", names(0, "Default", "RADIUS-Request")),
		std(rfc2865.CalledStationID_Type, "Called-Station-Id", text),
		std(rfc2865.CallingStationID_Type, "Calling-Station-Id", text),
		std(rfc2865.NASIdentifier_Type, "NAS-Identifier", text),
		own(rfc2865.ProxyState_Type, "Proxy-State", octets),
		std(rfc2865.LoginLATService_Type, "Login-LAT-Service", text),
		std(rfc2865.LoginLATNode_Type, "Login-LAT-Node", text),
		std(rfc2865.LoginLATGroup_Type, "Login-LAT-Group", octets),
		std(rfc2865.FramedAppleTalkLink_Type, "Framed-AppleTalk-Link", integer),
		std(rfc2865.FramedAppleTalkNetwork_Type, "Framed-AppleTalk-Network", integer),
		std(rfc2865.FramedAppleTalkZone_Type, "Framed-AppleTalk-Zone", text),
		own(rfc2865.CHAPChallenge_Type, "CHAP-Challenge", octets),
		enum(rfc2865.NASPortType_Type, "NAS-Port-Type", portTypes),
		std(rfc2865.PortLimit_Type, "Port-Limit", integer),
		std(rfc2865.LoginLATPort_Type, "Login-LAT-Port", text),
		std(rfc2869.ConnectInfo_Type, "Connect-Info", text),
		std(rfc2869.ConfigurationToken_Type, "Configuration-Token", text),
		std(rfc2869.PasswordRetry_Type, "Password-Retry", integer),
		own(rfc2869.Prompt_Type, "Prompt", integer),
		own(rfc2869.ARAPPassword_Type, "ARAP-Password", hidden),
		own(rfc2869.EAPMessage_Type, "EAP-Message", hidden),
		own(rfc2869.MessageAuthenticator_Type, "Message-Authenticator", hidden),
		std(rfc2869.NASPortID_Type, "NAS-Port-Id", text),
		std(rfc2869.FramedPool_Type, "Framed-Pool", text),
		std(rfc4372.ChargeableUserIdentity_Type, "Chargeable-User-Identity", octets),
		std(rfc3162.NASIPv6Address_Type, "NAS-IPv6-Address", address6),
		std(rfc3162.FramedInterfaceID_Type, "Framed-Interface-Id", interfaceID),
		std(rfc3162.FramedIPv6Prefix_Type, "Framed-IPv6-Prefix", prefix6),
		std(rfc3162.LoginIPv6Host_Type, "Login-IPv6-Host", address6),
		std(rfc3162.FramedIPv6Route_Type, "Framed-IPv6-Route", text),
		std(rfc3162.FramedIPv6Pool_Type, "Framed-IPv6-Pool", text),
		std(rfc5607.FramedManagement_Type, "Framed-Management-Protocol", integer),
		std(rfc5607.ManagementTransportProtection_Type, "Management-Transport-Protection", integer),
		std(rfc5607.ManagementPolicyID_Type, "Management-Policy-Id", text),
		std(rfc5607.ManagementPrivilegeLevel_Type, "Management-Privilege-Level", integer),
	}, accountingEntries(), tunnelEntries(), vendorEntries())
}

// accountingEntries are those of RFC 2866 and RFC 2869 section 5.
func accountingEntries() []entry {
	statusTypes := names(1, "Start", "Stop", "Interim-Update")
	statusTypes["Accounting-On"], statusTypes["Accounting-Off"] = 7, 8
	return []entry{
		enum(rfc2866.AcctStatusType_Type, "Acct-Status-Type", statusTypes),
		std(rfc2866.AcctDelayTime_Type, "Acct-Delay-Time", integer),
		std(rfc2866.AcctInputOctets_Type, "Acct-Input-Octets", integer),
		std(rfc2866.AcctOutputOctets_Type, "Acct-Output-Octets", integer),
		std(rfc2866.AcctSessionID_Type, "Acct-Session-Id", text),
		enum(rfc2866.AcctAuthentic_Type, "Acct-Authentic", names(1, "RADIUS", "Local", "Remote")),
		std(rfc2866.AcctSessionTime_Type, "Acct-Session-Time", integer),
		std(rfc2866.AcctInputPackets_Type, "Acct-Input-Packets", integer),
		std(rfc2866.AcctOutputPackets_Type, "Acct-Output-Packets", integer),
		enum(rfc2866.AcctTerminateCause_Type, "Acct-Terminate-Cause", names(1, "User-Request", "Lost-Carrier",
			"Lost-Service", "Idle-Timeout", "Session-Timeout", "Admin-Reset", "Admin-Reboot", "Port-Error", "NAS-Error",
			"NAS-Request", "NAS-Reboot", "Port-Unneeded", "Port-Preempted", "Port-Suspended", "Service-Unavailable",
			"Callback", "User-Error", "Host-Request")),
		std(rfc2866.AcctMultiSessionID_Type, "Acct-Multi-Session-Id", text),
		std(rfc2866.AcctLinkCount_Type, "Acct-Link-Count", integer),
		std(rfc2869.AcctInputGigawords_Type, "Acct-Input-Gigawords", integer),
		std(rfc2869.AcctOutputGigawords_Type, "Acct-Output-Gigawords", integer),
		std(rfc2869.EventTimestamp_Type, "Event-Timestamp", date),
		std(rfc2869.AcctInterimInterval_Type, "Acct-Interim-Interval", integer),
	}
}

// tunnelEntries are the tagged attributes (RFC 2867, RFC 2868). The values of
// Tunnel-Type and Tunnel-Medium-Type are those that VLAN assignment uses.
func tunnelEntries() []entry {
	tunnels := names(1, "PPTP", "L2F", "L2TP", "ATMP", "VTP", "AH", "IP", "MIN-IP-IP", "ESP", "GRE", "DVS", "IP-in-IP", "VLAN")
	media := map[string]uint32{"IPv4": 1, "IPv6": 2, "IEEE-802": 6}
	return []entry{
		tag(rfc2868.TunnelType_Type, "Tunnel-Type", integer, tunnels),
		tag(rfc2868.TunnelMediumType_Type, "Tunnel-Medium-Type", integer, media),
		tag(rfc2868.TunnelClientEndpoint_Type, "Tunnel-Client-Endpoint", text, nil),
		tag(rfc2868.TunnelServerEndpoint_Type, "Tunnel-Server-Endpoint", text, nil),
		tag(rfc2868.TunnelPassword_Type, "Tunnel-Password", salted, nil),
		tag(rfc2868.TunnelPrivateGroupID_Type, "Tunnel-Private-Group-Id", text, nil),
		tag(rfc2868.TunnelAssignmentID_Type, "Tunnel-Assignment-Id", text, nil),
		tag(rfc2868.TunnelPreference_Type, "Tunnel-Preference", integer, nil),
		tag(rfc2868.TunnelClientAuthID_Type, "Tunnel-Client-Auth-Id", text, nil),
		tag(rfc2868.TunnelServerAuthID_Type, "Tunnel-Server-Auth-Id", text, nil),
		std(rfc2867.AcctTunnelConnection_Type, "Acct-Tunnel-Connection", text),
		std(rfc2867.AcctTunnelPacketsLost_Type, "Acct-Tunnel-Packets-Lost", integer),
	}
}

// vendorEntries are the vendor attributes that access gateways are configured
// with; numbers from the vendors' FreeRADIUS dictionaries.
func vendorEntries() []entry {
	const (
		cisco, microsoft, juniper, checkpoint = 9, 311, 2636, 2620
		f5, fortinet, aruba, paloalto         = 3375, 12356, 14823, 25461
	)
	secret := func(t byte, name string) entry {
		return entry{name: name, vendor: microsoft, typ: t, kind: hidden, ours: true}
	}
	return []entry{
		vsa(cisco, 1, "Cisco-AVPair", text),
		vsa(fortinet, 1, "Fortinet-Group-Name", text),
		vsa(fortinet, 3, "Fortinet-Vdom-Name", text),
		vsa(fortinet, 6, "Fortinet-Access-Profile", text),
		vsa(paloalto, 1, "PaloAlto-Admin-Role", text),
		vsa(paloalto, 2, "PaloAlto-Admin-Access-Domain", text),
		vsa(paloalto, 5, "PaloAlto-User-Group", text),
		vsa(juniper, 1, "Juniper-Local-User-Name", text),
		vsa(juniper, 10, "Juniper-User-Permissions", text),
		vsa(f5, 1, "F5-LTM-User-Role", integer),
		vsa(f5, 3, "F5-LTM-User-Partition", text),
		vsa(f5, 12, "F5-LTM-User-Info-1", text),
		vsa(checkpoint, 229, "CP-Gaia-User-Role", text),
		vsa(checkpoint, 230, "CP-Gaia-SuperUser-Access", integer),
		vsa(aruba, 1, "Aruba-User-Role", text),
		vsa(aruba, 4, "Aruba-Admin-Role", text),
		secret(1, "MS-CHAP-Response"), secret(2, "MS-CHAP-Error"), secret(11, "MS-CHAP-Challenge"),
		secret(12, "MS-CHAP-MPPE-Keys"), secret(16, "MS-MPPE-Send-Key"), secret(17, "MS-MPPE-Recv-Key"),
		secret(25, "MS-CHAP2-Response"), secret(26, "MS-CHAP2-Success"),
		vsa(microsoft, 7, "MS-MPPE-Encryption-Policy", integer),
		vsa(microsoft, 8, "MS-MPPE-Encryption-Types", integer),
		vsa(microsoft, 10, "MS-CHAP-Domain", text),
		vsa(microsoft, 28, "MS-Primary-DNS-Server", address),
		vsa(microsoft, 29, "MS-Secondary-DNS-Server", address),
	}
}
