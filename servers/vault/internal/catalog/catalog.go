// Package catalog is the engines, auth methods and database plugins that a real server has
// built in.
package catalog

import (
	"slices"
	"strings"
)

// Engines, auth methods and database plugins that a real server has built in, besides
// those that are played.
var (
	Auth      = strings.Fields("alicloud approle aws azure cert cf gcp github jwt kerberos kubernetes ldap oci oidc okta pcf radius userpass")
	Databases = strings.Fields("cassandra-database-plugin couchbase-database-plugin elasticsearch-database-plugin hana-database-plugin influxdb-database-plugin " +
		"mongodb-database-plugin mongodbatlas-database-plugin mssql-database-plugin mysql-aurora-database-plugin mysql-database-plugin mysql-legacy-database-plugin " +
		"mysql-rds-database-plugin postgresql-database-plugin redis-database-plugin redis-elasticache-database-plugin redshift-database-plugin snowflake-database-plugin")
	Secrets = strings.Fields("ad alicloud aws azure consul gcp gcpkms kubernetes kv ldap mongodbatlas nomad openldap pki rabbitmq ssh terraform totp transit")
)

// Of are the names of a kind of plugins.
func Of(kind string) []string {
	return map[string][]string{"auth": Auth, "database": Databases, "secret": Secrets}[kind]
}

// Unplayed are the types of the catalogue that cannot be mounted here, as
// features.
func Unplayed() (out []string) {
	played := strings.Fields("ad approle cert kv ldap openldap ssh totp transit userpass")
	for at, names := range map[string][]string{"secrets engine ": Secrets, "auth method ": Auth} {
		for _, name := range names {
			if !slices.Contains(played, name) {
				out = append(out, at+name)
			}
		}
	}
	return out
}
