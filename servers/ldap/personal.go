package ldap

import "counterpart/internal/serving/dialect"

// Personal are the settings of people and clients that this server reads.
func Personal() []dialect.Personal {
	return []dialect.Personal{
		{Of: "user", Key: "ldap.logon_hours", Doc: "When the person may log on to Active Directory; outside it a bind is refused with data 530."},
		{Of: "user", Key: "ldap.workstations", Doc: "From which machines; elsewhere a bind is refused with data 531."},
	}
}
