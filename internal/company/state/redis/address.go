package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// address is what a URL says.
type address struct {
	network  string // tcp or unix
	addrs    []string
	master   string // of Sentinel, which then answers at addrs; empty: there is none
	tls      *tls.Config
	user     string
	password string
	db       int
	prefix   string
}

// String is where the server is, without what is secret.
func (a *address) String() string {
	where := strings.Join(a.addrs, ",")
	if a.master != "" {
		return "the master " + a.master + " of " + where
	}
	return where
}

var prefixes = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,100}$`)

// forms is what an error about a URL ends with.
const forms = "; forms are redis://[user:password@]host[:port][/db], rediss://… over TLS, unix:///path, redis+sentinel://host[:port][,host…]/master[/db], with ?prefix=name"

// parse reads the URL of a store. Errors name the part that is wrong and do not repeat
// the password.
func parse(text string) (*address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, fmt.Errorf("the store's URL has no scheme%s", forms)
	}
	// Several hosts are more than net/url takes; they are cut out first.
	before, query, _ := strings.Cut(rest, "?")
	userinfo, hosts := "", before
	if i := strings.LastIndex(before, "@"); i >= 0 {
		userinfo, hosts = before[:i+1], before[i+1:]
	}
	hosts, path, _ := strings.Cut(hosts, "/")
	u, err := url.Parse("x://" + userinfo + "h/" + path + "?" + query)
	if err != nil {
		return nil, fmt.Errorf("the store's URL cannot be read: user, password, path or a parameter is not escaped as in a URL%s", forms)
	}
	a := &address{network: "tcp", prefix: "counterpart"}
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
	}
	if err := a.place(scheme, hosts, strings.TrimPrefix(u.Path, "/")); err != nil {
		return nil, err
	}
	return a, a.parameters(scheme, query)
}

// place reads what differs between the schemes.
func (a *address) place(scheme, hosts, path string) error {
	port := "6379"
	switch scheme {
	case "unix":
		if hosts != "" || path == "" {
			return fmt.Errorf("the store's URL unix:// wants an absolute path: unix:///path/to/socket")
		}
		a.network, a.addrs = "unix", []string{"/" + path}
		return nil
	case "redis+sentinel", "rediss+sentinel":
		a.master, path, _ = strings.Cut(path, "/")
		if a.master == "" {
			return fmt.Errorf("the store's URL does not name the master that Sentinel watches%s", forms)
		}
		port = "26379"
	case "redis", "rediss":
		if strings.Contains(hosts, ",") {
			return fmt.Errorf("the store's URL names several hosts; a Redis Cluster cannot be used, Sentinel is redis+sentinel://%s", forms)
		}
	default:
		return fmt.Errorf("the store's URL has the scheme %q%s", scheme, forms)
	}
	for host := range strings.SplitSeq(hosts, ",") {
		h, p, err := net.SplitHostPort(host)
		if err != nil {
			h, p = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), port
			if strings.Contains(h, ":") && (h == host || net.ParseIP(h) == nil) {
				return fmt.Errorf("the store's URL has the host %q; IPv6 addresses stand in brackets", host)
			}
		}
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("the store's URL has the port %q, which is none", p)
		}
		if h == "" {
			return fmt.Errorf("the store's URL names no host%s", forms)
		}
		a.addrs = append(a.addrs, net.JoinHostPort(h, p))
	}
	if strings.HasPrefix(scheme, "rediss") {
		a.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return a.database(path)
}

func (a *address) database(text string) (err error) {
	if text == "" {
		return nil
	}
	if a.db, err = strconv.Atoi(text); err != nil || a.db < 0 {
		return fmt.Errorf("the store's URL has the database %q, which is no number from 0 on", text)
	}
	return nil
}

func (a *address) parameters(scheme, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("the store's URL has parameters that cannot be read: %w", err)
	}
	for name, v := range values {
		switch {
		case len(v) != 1:
			return fmt.Errorf("the store's URL has the parameter %q more than once", name)
		case name == "prefix":
			if a.prefix = v[0]; !prefixes.MatchString(a.prefix) {
				return fmt.Errorf("the store's URL has the prefix %q: up to 100 of letters, digits and ._/- make one", a.prefix)
			}
		case name == "db" && scheme == "unix":
			if err := a.database(v[0]); err != nil {
				return err
			}
		case name == "ca" && a.tls != nil:
			pem, err := os.ReadFile(v[0])
			if err != nil {
				return fmt.Errorf("the store's URL names CA certificates: %w", err)
			}
			a.tls.RootCAs = x509.NewCertPool()
			if !a.tls.RootCAs.AppendCertsFromPEM(pem) {
				return fmt.Errorf("the store's URL names CA certificates: %s has none in PEM", v[0])
			}
		default:
			return fmt.Errorf("the store's URL has the parameter %q; there are prefix, with rediss ca, and with unix db", name)
		}
	}
	return nil
}

// dial opens a connection to one of the addresses.
func (a *address) dial(ctx context.Context, addr string) (net.Conn, error) {
	if a.tls == nil {
		return (&net.Dialer{}).DialContext(ctx, a.network, addr)
	}
	return (&tls.Dialer{Config: a.tls}).DialContext(ctx, a.network, addr)
}
