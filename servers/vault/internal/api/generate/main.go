// Generate writes the table of the package api from a listing of Vault's paths:
//
//	go run ./servers/vault/internal/api/generate PATHS.tsv > servers/vault/internal/api/table.txt
//
// The listing has one operation a line, as a real server describes itself at
// sys/internal/specs/openapi with every engine mounted at its own name: path, method,
// parameters of path, query and body (name:type), whether the path stands for all
// below it, needs sudo, needs no token, can create.
package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// engines are the mounts that are taken over.
var engines = []string{"sys", "identity", "cubbyhole", "kv1", "secret", "auth/token", "auth/userpass", "auth/ldap", "auth/approle", "auth/cert",
	"ldap", "ad", "database", "ssh", "totp", "transit"}

// silent are parameters that a server takes and does not describe, because no
// operation with a body has them.
var silent = map[string]string{"secret/subkeys/{path}": "version depth", "sys/leases/count": "type include_child_namespaces",
	"database/config/{name}": "auth_type connection_url disable_escaping max_connection_lifetime max_idle_connections max_open_connections password self_managed " +
		"service_account_json tls_ca tls_certificate_key use_private_ip use_psc username",
	"sys/leases": "type include_child_namespaces limit"}

// optional are parts of a path that may be left out, where that is one path to the
// server: the parameter is then replaced by nothing.
var optional = map[string]string{"sys/tools/hash": "urlalgorithm", "sys/tools/random": "source urlbytes", "sys/tools/random/{source}": "urlbytes",
	"sys/tools/random/{urlbytes}": "source", "sys/leases/renew": "url_lease_id", "sys/leases/revoke": "url_lease_id", "sys/renew": "url_lease_id",
	"sys/revoke": "url_lease_id", "transit/hash": "urlalgorithm", "transit/random": "source urlbytes", "transit/random/{source}": "urlbytes",
	"transit/random/{urlbytes}": "source", "transit/hmac/{name}": "urlalgorithm", "transit/sign/{name}": "urlalgorithm", "transit/verify/{name}": "urlalgorithm",
	"transit/restore": "name", "transit/export/{type}/{name}": "version"}

type path struct {
	ops, marks string
	fields     map[string]string
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		panic(err)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: generate PATHS.tsv")
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	all := map[string]map[string]*path{}
	for in := bufio.NewScanner(f); in.Scan(); {
		cells := strings.Split(in.Text(), "\t")
		if len(cells) == 10 && strings.HasPrefix(cells[0], "/") {
			take(all, cells)
		}
	}
	for _, engine := range engines {
		fmt.Fprintf(out, "# %s\n", engine)
		for _, template := range slices.Sorted(maps.Keys(all[engine])) {
			p := all[engine][template]
			var fields []string
			for _, name := range slices.Sorted(maps.Keys(p.fields)) {
				fields = append(fields, name+p.fields[name])
			}
			line := template + "\t" + p.ops + p.marks + "\t" + strings.Join(fields, " ")
			fmt.Fprintln(out, strings.TrimSpace(line))
		}
	}
	return nil
}

// take puts one operation into the table.
func take(all map[string]map[string]*path, cells []string) {
	full := strings.TrimPrefix(cells[0], "/")
	at := slices.IndexFunc(engines, func(e string) bool { return strings.HasPrefix(full, e+"/") })
	if at < 0 {
		return
	}
	template := strings.TrimPrefix(full, engines[at]+"/")
	if all[engines[at]] == nil {
		all[engines[at]] = map[string]*path{}
	}
	p := all[engines[at]][template]
	if p == nil {
		p = &path{fields: map[string]string{}}
		all[engines[at]][template] = p
	}
	op := map[string]string{"GET": "R", "POST": "W", "DELETE": "D", "PATCH": "P"}[cells[1]]
	if op == "R" && strings.HasSuffix(template, "/") {
		op = "L"
	}
	p.ops += op
	for i, mark := range []string{"s", "u"} {
		if cells[6+i] == "1" && !strings.Contains(p.marks, mark) {
			p.marks += mark
		}
	}
	for _, field := range strings.Fields(cells[3] + " " + cells[4]) {
		name, kind, _ := strings.Cut(strings.TrimSuffix(field, "!"), ":")
		if name == "list" { // said of every listing, and no parameter
			continue
		}
		p.fields[name] = map[string]string{"boolean": ":b", "integer": ":i", "array": ":a", "object": ":o"}[kind]
	}
	for _, name := range strings.Fields(silent[full]) {
		p.fields[name] = ""
	}
	for _, name := range strings.Fields(optional[full]) {
		p.fields[name] = "?"
	}
}
