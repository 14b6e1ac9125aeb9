package step

import "time"

// The structs below are the reference of a plan's steps: their tags make the decoder, the
// JSON Schema and docs/load.md. See package seed for what the tags mean. A text with format
// any may have holes. A field of type any holds a *strictyaml.Node: keys in the order of the file.

// Spec is one step of a journey, as it stands in the plan. Exactly one of the kinds is set.
type Spec struct {
	HTTP      *HTTP             `yaml:"http" doc:"A request over HTTP."`
	RADIUS    *RADIUS           `yaml:"radius" doc:"A packet of RADIUS, and its answer."`
	LDAP      *LDAP             `yaml:"ldap" doc:"An operation of LDAP, on a connection that the walk keeps."`
	Pause     time.Duration     `yaml:"pause" min:"0s" doc:"The person waits, or thinks, for so long."`
	Name      string            `yaml:"name" format:"any" doc:"Row of the report; by default what the fleet calls the operation, as far as the plan says it."`
	Operation string            `yaml:"operation" format:"any" doc:"What the fleet calls the operation, where the path does not say it: kv.data.read. Its own times are found by that."`
	To        string            `yaml:"to" format:"any" doc:"Server of the fleet, SERVER/PORT, or one of targets; by default the only server that speaks the protocol."`
	Timeout   time.Duration     `yaml:"timeout" default:"10s" min:"1ms" max:"10m" doc:"How long an answer is waited for. For RADIUS: all tries together."`
	When      string            `yaml:"when" enum:"let_in|asked|refused|failed|always" doc:"Only after a step with this verdict. By default a step is taken after let_in and asked, and the journey ends otherwise; always: also then."`
	Again     *Again            `yaml:"again" doc:"Do it again while the verdict is asked."`
	Save      map[string]string `yaml:"save" doc:"Values of the answer for later steps, by name: a JSON pointer such as /auth/client_token, header:NAME, cookie:NAME, status, an attribute of RADIUS or LDAP, or body."`
	Expect    Expect            `yaml:"expect" doc:"What the answer must be. A step that was answered otherwise is a mistake of the server, and counts."`
	Takes     *Means            `yaml:"takes" doc:"When the verdict is let_in, the walk holds something from then on."`
	GivesBack *Means            `yaml:"gives_back" doc:"When the verdict is let_in, the walk holds it no more."`
	Issues    *Means            `yaml:"issues" doc:"When the verdict is let_in, the answer has brought something that is valid, a token."`
	Revokes   *Means            `yaml:"revokes" doc:"When the verdict is let_in, it is valid no more."`
	Shows     *Means            `yaml:"shows" doc:"The step shows something that may be accepted once, a code."`

	Pos     string `yaml:"-"` // file:line:col
	Journey string `yaml:"-"`
	Number  int    `yaml:"-"` // in the journey, from 0
}

// Kind is the protocol of the step: http, radius, ldap, or pause.
func (s *Spec) Kind() string {
	switch {
	case s.HTTP != nil:
		return "http"
	case s.RADIUS != nil:
		return "radius"
	case s.LDAP != nil:
		return "ldap"
	}
	return "pause"
}

// Again is how often a step is done again.
type Again struct {
	Every time.Duration `yaml:"every" default:"1s" min:"1ms" doc:"From an answer to the next request."`
	For   time.Duration `yaml:"for" default:"60s" min:"1ms" doc:"From the first request; then the verdict stays asked."`
}

// Expect is what an answer must be.
type Expect struct {
	Verdict string `yaml:"verdict" enum:"let_in|asked|refused|as_world" doc:"as_world: let_in for a person whom the company lets in, refused for any other."`
	Status  string `yaml:"status" format:"any" doc:"The protocol's own word: 403, Access-Reject, 49."`
}

// Means is what something is to the laws.
type Means struct {
	What      string `yaml:"what" format:"any" required:"true" doc:"What it is: lease, token, code. What is taken and given back, or issued and revoked, has the same word."`
	ID        string `yaml:"id" format:"any" required:"true" doc:"Which one, as a text with holes: {{ account.id }}, {{ token }}. What the step itself saves has a value already."`
	Exclusive bool   `yaml:"exclusive" doc:"Two must never hold the same at one time."`
}

// HTTP is a request.
type HTTP struct {
	Method  string            `yaml:"method" format:"any" default:"GET" doc:"The method."`
	Path    string            `yaml:"path" format:"any" doc:"Path, and query if there is one; the values of holes are escaped."`
	Query   map[string]string `yaml:"query" doc:"Parameters of the query."`
	Headers map[string]string `yaml:"headers" doc:"Headers."`
	JSON    any               `yaml:"json" doc:"Body as JSON."`
	Form    map[string]string `yaml:"form" doc:"Body as a form."`
	Body    string            `yaml:"body" format:"any" doc:"Body as it is."`
	Auth    *Auth             `yaml:"auth" doc:"Credentials of the request."`
	Judge   []Rule            `yaml:"judge" doc:"What answers mean: the first rule that fits. By default 2xx is let_in, 401, 403 and 404 are refused, any other 4xx and 5xx has failed."`
	Fresh   bool              `yaml:"fresh" doc:"A connection of its own. By default connections are kept, and used by any walk."`
}

// Auth is how a request proves who sends it. One of its keys is given.
type Auth struct {
	Basic  *Basic `yaml:"basic" doc:"Name and password."`
	Bearer string `yaml:"bearer" format:"any" doc:"A token."`
	Duo    *Duo   `yaml:"duo" doc:"Duo's signature, by an integration key."`
}

// Basic is a name and a password.
type Basic struct {
	User     string `yaml:"user" format:"any" required:"true" doc:"The name."`
	Password string `yaml:"password" format:"any" required:"true" doc:"The password."`
}

// Duo is an integration of Duo.
type Duo struct {
	IntegrationKey string `yaml:"ikey" format:"any" required:"true" doc:"Integration key."`
	SecretKey      string `yaml:"skey" format:"any" required:"true" doc:"Secret key."`
}

// Rule says what answers mean.
type Rule struct {
	Status  string `yaml:"status" format:"any" doc:"200, 4xx; by default any."`
	At      string `yaml:"at" format:"any" doc:"JSON pointer to a value of the body."`
	Is      string `yaml:"is" format:"any" doc:"What the value is, with at; by default it must be there."`
	Has     string `yaml:"has" format:"any" doc:"Text that stands somewhere in the body, without holes."`
	Verdict string `yaml:"verdict" required:"true" enum:"let_in|asked|refused|failed" doc:"What it means."`
	Reason  string `yaml:"reason" format:"any" doc:"Word for it in the report, without holes; by default the status, or the value."`
}

// RADIUS is a packet.
type RADIUS struct {
	Code       string            `yaml:"code" enum:"access|accounting|status" default:"access" doc:"Access-Request, Accounting-Request or Status-Server."`
	User       string            `yaml:"user" format:"any" default:"{{ user.name }}" doc:"User-Name."`
	Password   string            `yaml:"password" format:"any" doc:"User-Password, CHAP-Password or MS-CHAPv2, as method says."`
	Method     string            `yaml:"method" enum:"pap|chap|mschapv2" default:"pap" doc:"How the password is sent."`
	Attributes map[string]string `yaml:"attributes" doc:"Further attributes by the names of the dictionary. State of the walk's last challenge is sent back by itself."`
	Secret     string            `yaml:"secret" format:"any" doc:"Shared secret; by default what the fleet knows, or what the target says."`
	Tries      int               `yaml:"tries" default:"3" min:"1" max:"20" doc:"How often it is sent when no answer comes, within timeout."`
}

// LDAP is an operation: one of bind and search is given.
type LDAP struct {
	Bind   *LDAPBind   `yaml:"bind" doc:"A simple bind."`
	Search *LDAPSearch `yaml:"search" doc:"A search."`
	Fresh  bool        `yaml:"fresh" doc:"The walk's connection is a new one, and ends with it. By default connections are kept, and used by other walks: one that is bound by those that bind first."`
}

// LDAPBind is a simple bind.
type LDAPBind struct {
	DN       string `yaml:"dn" format:"any" required:"true" doc:"Who binds: a DN, or what the directory takes for one. The values of holes are escaped, unless it is one hole and nothing else."`
	Password string `yaml:"password" format:"any" required:"true" doc:"The password."`
}

// LDAPSearch is a search. No entry means refused.
type LDAPSearch struct {
	Base       string   `yaml:"base" format:"any" doc:"Where to begin; with holes as in dn."`
	Scope      string   `yaml:"scope" enum:"base|one|sub" default:"sub" doc:"How far to go."`
	Filter     string   `yaml:"filter" format:"any" default:"(objectClass=*)" doc:"What to look for; nothing in the value of a hole is taken for a filter."`
	Attributes []string `yaml:"attributes" format:"any" doc:"What to return."`
}
