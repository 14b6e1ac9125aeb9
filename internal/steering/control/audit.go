package control

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/journal"
)

// sighting is a known secret where it should not be.
type sighting struct {
	Seq    uint64 `json:"seq"`
	Server string `json:"server"`
	Op     string `json:"op"`
	Actor  string `json:"actor,omitempty"`
	Whose  string `json:"whose"` // "account root@db01", "user alice", "token of sps"
	Where  string `json:"where"` // url, request, response, name
	Text   string `json:"text"`
}

// audited is the answer of /audit.
type audited struct {
	Clean     bool             `json:"clean"`
	Leases    []checkout.Lease `json:"leases"` // never given back
	Tokens    []signin.Token   `json:"tokens"` // still alive
	Sightings []sighting       `json:"sightings"`
	Looked    int              `json:"looked"`  // at how many entries
	Dropped   uint64           `json:"dropped"` // entries that were forgotten and could have shown more
	Known     bool             `json:"known"`   // nothing was forgotten, there is a journal, and nobody is silent
	Silent    []string         `json:"silent,omitempty"`
}

// audit says which secrets are still out and where one showed up.
func (s *Server) audit(c echo.Context) error {
	if err := known(c); err != nil {
		return err
	}
	ctx := c.Request().Context()
	out := audited{Leases: []checkout.Lease{}, Sightings: []sighting{}, Known: s.Journal != nil}
	all, err := s.Accounts.Leases(ctx, everybody)
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.State == checkout.Active {
			out.Leases = append(out.Leases, l)
		}
	}
	tokens, err := s.Logins.Alive(ctx)
	if err != nil {
		return err
	}
	out.Tokens = orEmpty(tokens)
	silent := s.Replicas.Silence(ctx)
	s.Journal.Scan(func(e journal.Entry) {
		out.Looked++
		out.Sightings = append(out.Sightings, s.sightings(e)...)
	})
	out.Dropped = s.Journal.Dropped()
	out.Silent = silent
	out.Known = out.Known && out.Dropped == 0 && len(silent) == 0
	out.Clean = len(out.Leases)+len(out.Tokens)+len(out.Sightings) == 0 && out.Known
	return c.JSON(http.StatusOK, out)
}

// sightings are the secrets of one operation that are where they should not be.
func (s *Server) sightings(e journal.Entry) (out []sighting) {
	shown := s.Journal.Masked(e)
	see := func(where, text, said string, wrong func(whose string) bool) {
		var seen []string
		for _, f := range s.Secrets.Find(text) {
			if !slices.Contains(seen, f.Whose) && wrong(f.Whose) {
				seen = append(seen, f.Whose)
				out = append(out, sighting{Seq: e.Seq, Server: e.Server, Op: shown.Op, Actor: shown.Actor, Whose: f.Whose, Where: where,
					Text: secretOf(f.Whose) + said})
			}
		}
	}
	always := func(string) bool { return true }
	url, body, _ := strings.Cut(e.Request, "\n")
	if strings.HasPrefix(url, "{") || !strings.Contains(url, " /") { // no HTTP: all of it is the request
		url, body = "", e.Request
	}
	see("url", url, " stood in a URL, where proxies and logs keep it", always)
	see("name", e.Actor+"\n"+e.Why, " stood where a name belongs", always)
	see("request", body, " was sent to "+e.Server+", which has no business with it", func(whose string) bool { return !s.mayTell(whose, e) })
	see("response", e.Response, " was in an answer that is not about its owner", func(whose string) bool { return !s.mayHear(whose, e) })
	return out
}

// secretOf names a secret in a sentence.
func secretOf(whose string) string {
	if server, brought := strings.CutPrefix(whose, "value "); brought {
		return "a value that a client keeps in " + server
	}
	return "a secret of " + whose
}

// mayTell reports whether a secret belongs into a request: its owner's own, or
// one about its account.
func (s *Server) mayTell(whose string, e journal.Entry) bool {
	kind, id, _ := strings.Cut(whose, " ")
	switch kind {
	case "account":
		a, _ := s.World.AccountByID(id)
		return world.Fold(e.Object) == world.Fold(id) || a.UserID != "" && a.UserID == e.Actor
	case "device":
		return s.owner(id) == e.Actor
	case "token":
		return true
	case "value": // brought by a client, to be kept there
		return id == e.Server
	}
	return id == e.Actor || id == e.Object
}

// mayHear reports whether a secret belongs into an answer.
func (s *Server) mayHear(whose string, e journal.Entry) bool {
	kind, id, _ := strings.Cut(whose, " ")
	switch kind {
	case "account":
		return world.Fold(e.Object) == world.Fold(id) || strings.HasSuffix(world.Fold(e.Object), "."+world.Fold(id))
	case "device":
		return e.Object == id || s.owner(id) == e.Actor || s.owner(id) == e.Object
	case "token":
		return true
	case "value":
		return id == e.Server
	}
	return false
}

// owner is the person whose device it is.
func (s *Server) owner(device string) string {
	if d, ok := s.World.Device(device); ok {
		return d.UserID
	}
	user, _, _ := strings.Cut(device, ":")
	return user
}
