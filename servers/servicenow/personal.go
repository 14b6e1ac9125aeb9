package servicenow

import "counterpart/internal/serving/dialect"

// Personal are the settings of people and clients that this server reads.
func Personal() []dialect.Personal {
	return []dialect.Personal{
		{Of: "user", Key: "servicenow.sys_id", Doc: "The sys_id of the person's row, 32 hexadecimal digits."},
		{Of: "user", Key: "servicenow.time_zone", Doc: "The zone in which display values show the person times, default the instance's."},
	}
}
