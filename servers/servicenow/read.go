package servicenow

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/servicenow/internal/dict"
	"counterpart/servers/servicenow/internal/query"
)

func (s *Server) routes() []dialect.Route {
	var out []dialect.Route
	add := func(method, path string, do handler, version string) {
		out = append(out, dialect.Route{Method: method, Path: s.settings.PathPrefix + path, Do: s.api(version, do)})
	}
	out = append(out, dialect.Route{Method: "POST", Path: s.settings.PathPrefix + "/oauth_token.do", Do: s.token})
	read := func(path string, do handler, version string) {
		add("GET", path, do, version)
		add("HEAD", path, do, version)
	}
	for _, v := range []string{"", "v1", "v2"} {
		now := strings.TrimSuffix("/api/now/"+v, "/")
		read(now+"/table/:table", (*request).table, v)
		add("POST", now+"/table/:table", (*request).table, v)
		read(now+"/table/:table/:sys_id", (*request).one, v)
		read(now+"/stats/:table", (*request).stats, v)
		add("POST", now+"/batch", (*request).runBatch, v)
		add("POST", now+"/tinyurl", (*request).tiny, v)
		read(now+"/attachment", (*request).listAttachments, v)
		add("POST", now+"/attachment/file", (*request).upload, v)
		add("POST", now+"/attachment/upload", (*request).uploadForm, v)
		read(now+"/attachment/:sys_id", (*request).attachment, v)
		read(now+"/attachment/:sys_id/file", (*request).download, v)
		change := strings.TrimSuffix("/api/sn_chg_rest/"+v, "/") + "/change"
		read(change, (*request).listChanges, v)
		add("POST", change, (*request).insertChange, v)
		read(change+"/:sys_id", (*request).oneChange, v)
		read(change+"/:sys_id/nextstates", (*request).nextStates, v)
		for _, m := range []string{"PATCH", "POST"} { // POST for X-HTTP-Method-Override, too
			add(m, now+"/table/:table/:sys_id", (*request).one, v)
			add(m, change+"/:sys_id", (*request).oneChange, v)
			add(m, change+"/:sys_id/approvals", (*request).approve, v)
		}
		for _, m := range []string{"PUT", "DELETE"} {
			add(m, now+"/table/:table/:sys_id", (*request).one, v)
			add(m, change+"/:sys_id", (*request).oneChange, v)
		}
		for _, m := range []string{"DELETE", "POST"} {
			add(m, now+"/attachment/:sys_id", (*request).attachment, v)
		}
	}
	return out
}

// tableNamed finds a table, if REST may see it for this user.
func (r *request) tableNamed(name string) (*dict.Table, error) {
	t, ok := r.dict.Table(name)
	if !ok {
		return nil, fail(invalidTable, name)
	}
	if r.closed(name) {
		return nil, &failure{Cause: closedTable, why: "access closes " + name + " to " + r.user.name}
	}
	return t, nil
}

// closed reports whether access keeps the user from a table's rows, or from those
// of a table that it extends.
func (r *request) closed(table string) bool {
	return slices.ContainsFunc(r.settings.Access, func(a Restriction) bool {
		return a.Operation == "read" && r.covers(a.Table, table) && !r.may(a.Role)
	})
}

// belongs is the column that names the table of the row that a row is a part of.
var belongs = map[string]string{"sys_attachment": "table_name", "sys_journal_field": "name", "sysapproval_approver": "source_table"}

// hidden reports whether access keeps the user from a row, or from the one that it
// is a part of.
func (r *request) hidden(rec *record) bool {
	of, part := belongs[rec.class]
	return r.closed(rec.class) || part && r.closed(rec.values[of])
}

// may reports whether the user has a role that a rule names.
func (r *request) may(name string) bool { return name != "nobody" && r.user.role >= roleNames[name] }

// table answers calls on a table: its list, or a new row.
func (r *request) table() error {
	t, err := r.tableNamed(r.Param("table"))
	if err != nil {
		return err
	}
	insert := r.method() == http.MethodPost
	if !insert && r.method() != http.MethodGet && r.method() != http.MethodHead {
		return cause.Because(methodRefused, "%s on a table", r.method())
	}
	op := "table.list"
	if insert {
		op = "table.insert"
	}
	if err := r.name(op, t.Name); err != nil {
		return err
	}
	if err := r.limit(t.Name); err != nil {
		return err
	}
	p, err := r.params()
	if err != nil {
		return err
	}
	if insert {
		return r.insertRow(t, p)
	}
	return r.list(t, p)
}

// one answers calls on one row.
func (r *request) one() error {
	t, err := r.tableNamed(r.Param("table"))
	if err != nil {
		return err
	}
	ops := map[string]string{"GET": "table.get", "HEAD": "table.get", "PUT": "table.update", "PATCH": "table.update", "DELETE": "table.delete"}
	op := ops[r.method()]
	if op == "" {
		return cause.Because(methodRefused, "%s on a row", r.method())
	}
	rec, err := r.find(r.ctx(), t.Name, r.Param("sys_id"))
	if err == nil && r.hidden(rec) { // reached through its parent table
		err = cause.Because(noRecord, "access closes %s to %s", rec.class, r.user.name)
	}
	object := t.Name
	if err == nil {
		object = r.nameOf(rec)
	}
	if broken := r.name(op, object); broken != nil {
		return broken
	}
	if limited := r.limit(t.Name); limited != nil {
		return limited
	}
	if err != nil {
		return err
	}
	p, err := r.params()
	if err != nil {
		return err
	}
	switch op {
	case "table.update":
		return r.updateRow(t, rec, p)
	case "table.delete":
		if err := r.remove(rec); err != nil {
			return err
		}
		return r.NoContent(http.StatusNoContent)
	}
	return r.single(http.StatusOK, t, rec, p)
}

// params are the query parameters of one call.
type params struct {
	url.Values
	display    string // false, true, all
	links      bool   // of references
	fields     []string
	limit      int
	offset     int
	countless  bool
	suppressed bool   // no Link header
	shown      bool   // a write's values are display values
	order      string // a column, behind those of the query
}

// usualLimit is how many rows a list has that asks for no number.
const usualLimit = 10000

func (r *request) params() (*params, error) {
	values, err := r.query()
	if err != nil {
		return nil, err
	}
	is := func(name string) bool { return strings.EqualFold(values.Get(name), "true") }
	p := &params{Values: values, display: strings.ToLower(values.Get("sysparm_display_value")), links: !is("sysparm_exclude_reference_link"), limit: usualLimit,
		countless: is("sysparm_no_count"), suppressed: is("sysparm_suppress_pagination_header"), shown: is("sysparm_input_display_value")}
	if p.display != "true" && p.display != "all" {
		p.display = "false"
	}
	for f := range strings.SplitSeq(values.Get("sysparm_fields"), ",") {
		if f = strings.TrimSpace(f); f != "" && !slices.Contains(p.fields, f) && len(p.fields) < maxFields {
			p.fields = append(p.fields, f)
		}
	}
	if n, err := strconv.Atoi(values.Get("sysparm_limit")); err == nil && n >= 0 {
		p.limit = min(n, math.MaxInt32) // sums of the two stay numbers
	}
	if n, err := strconv.Atoi(values.Get("sysparm_offset")); err == nil {
		if n < 0 {
			return nil, fail(negativeOffset, strconv.Itoa(n))
		}
		p.offset = min(n, math.MaxInt32)
	}
	r.notice(p)
	return p, nil
}

// query is the call's query string, with what its tiny URL stands for.
func (r *request) query() (url.Values, error) {
	values := r.QueryParams()
	key := values.Get("sysparm_tiny")
	if key == "" {
		return values, nil
	}
	full, err := r.tinyURL(key)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(full)
	if err != nil {
		return nil, fail(noRecord, "")
	}
	all := u.Query()
	maps.Copy(all, values) // the Link of a tiny URL's page has its own offset
	return all, nil
}

// source is what queries on a table run against.
func (s *Server) source(table string, u *user) query.Source {
	src := query.Source{Kind: func(path string) (query.Kind, bool) {
		f, ok := s.field(table, path)
		if !ok {
			return 0, false
		}
		return kindOf[f.Type], true
	}, Now: s.Clock.Now(), Zone: s.zone, CaseSensitive: s.settings.StringCompare == "cs", NoRows: s.settings.InvalidQuery == "none"}
	if u != nil {
		src.Zone, src.UserID, src.UserName = u.zone, u.id, u.name
	}
	return src
}

var kindOf = map[dict.Type]query.Kind{dict.Text: query.String, dict.Journal: query.String, dict.Integer: query.Number, dict.Boolean: query.Boolean,
	dict.DateTime: query.DateTime, dict.Date: query.Date, dict.Reference: query.Reference, dict.ID: query.ID}

// maxWalk is how many references a dotted field may follow.
const maxWalk = 4

// field finds the field that a dotted path ends in.
func (s *Server) field(table, path string) (*dict.Field, bool) {
	for range maxWalk {
		t, ok := s.dict.Table(table)
		if !ok {
			return nil, false
		}
		name, rest, dotted := strings.Cut(path, ".")
		f, ok := t.Field(name)
		if !ok || !dotted {
			return f, ok
		}
		if f.Type != dict.Reference {
			return nil, false
		}
		table, path = f.Table, rest
	}
	return nil, false
}

// plan is what a call asks for: its query, or its other parameters as filters.
func (r *request) plan(t *dict.Table, p *params) *query.Plan {
	text := p.Get("sysparm_query")
	q := query.Parse(text)
	if text == "" {
		var all [][]query.Condition
		for _, name := range slices.Sorted(maps.Keys(p.Values)) {
			f, ok := r.field(t.Name, name)
			if strings.HasPrefix(name, "sysparm_") || !ok || name == "order" && p.order != "" {
				continue
			}
			v := p.Get(name)
			if stored, ok := r.input(f, v, r.user, false); ok {
				v = stored
			} else if stored, ok := r.input(f, v, r.user, true); ok {
				v = stored
			}
			if c, ok := f.Choice(v); ok {
				v = c.Value
			}
			all = append(all, []query.Condition{{Field: name, Op: query.Equal, Value: v}})
		}
		q.Branches[0] = all
	}
	if p.order != "" {
		q.Orders = append(q.Orders, query.Order{Field: p.order})
	}
	plan := query.Compile(q, r.source(t.Name, r.user))
	if len(plan.Dropped) > 0 {
		for _, d := range plan.Dropped {
			for _, word := range []string{"JOIN", "RLQUERY"} {
				if strings.HasPrefix(d, word) {
					r.call().NotPlayed(word + " in encoded queries")
				}
			}
		}
		r.call().Why = "not understood in the query, and dropped: " + strings.Join(plan.Dropped, "; ")
		if r.settings.InvalidQuery == "none" {
			r.call().Why = "not understood in the query, which therefore finds nothing: " + strings.Join(plan.Dropped, "; ")
		}
	}
	return plan
}

// found is a row that a list will show.
type found struct {
	class, id string
	number    string // of a ticket
	keys      []string
}

// each visits the rows that a call's query finds, as far as it may cost; row reads
// the columns of the one at hand.
func (r *request) each(t *dict.Table, p *params, look *glance, visit func(rec *record, row query.Row)) error {
	return r.match(t, r.plan(t, p), look, visit)
}

func (r *request) match(t *dict.Table, plan *query.Plan, look *glance, visit func(rec *record, row query.Row)) error {
	lag, found := r.lag(), 0
	rows := r.rows(r.ctx(), t.Name)
	if ids, ok := plan.Pinned("sys_id"); ok && !listed(t.Name) {
		rows = r.pinned(r.ctx(), t.Name, ids, nil)
	} else if numbers, ok := plan.Pinned("number"); ok && r.isTask(t.Name) {
		rows = r.pinned(r.ctx(), t.Name, nil, numbers)
	} else if t.Name == "sys_user" {
		for field, find := range map[string]func(string) (int, bool){"user_name": r.World.UserNumber, "email": r.World.MailNumber} {
			if values, ok := plan.Pinned(field); ok && !slices.ContainsFunc(values, blank) {
				rows = r.people(values, find)
			}
		}
	}
	for rec, err := range rows {
		if err != nil {
			return err
		}
		rec, ok := r.behind(rec, lag)
		if !ok {
			continue
		}
		row := look.at(rec)
		if look.cost > r.quota {
			return &failure{Cause: overdrawn, why: fmt.Sprintf("the query was ended after %d rows that match", found)}
		}
		if plan.Match(row) {
			found++
			visit(rec, row)
		}
	}
	return nil
}

// blank are values that stand for having none.
func blank(v string) bool { return strings.TrimSpace(v) == "" }

// search runs a query: the rows of the page that is asked for, and how many there
// are in all. Only what leads back to a row is kept of it.
func (r *request) search(t *dict.Table, p *params) (page []found, total int, err error) {
	plan := r.plan(t, p)
	err = r.match(t, plan, r.glance(r.ctx(), t.Name, r.closed), func(rec *record, row query.Row) {
		total++
		f := found{class: rec.class, id: rec.id}
		if rec.ticket != nil {
			f.number = rec.ticket.ID
		}
		if plan.Ordered() {
			f.keys = plan.Keys(row)
		} else if total <= p.offset || total > p.offset+p.limit {
			return
		}
		page = append(page, f)
	})
	if err != nil {
		return nil, 0, err
	}
	if plan.Ordered() {
		slices.SortStableFunc(page, func(a, b found) int {
			return cmp.Or(plan.Compare(a.keys, b.keys), strings.Compare(a.number, b.number))
		})
		page = page[min(p.offset, len(page)):]
		page = page[:min(p.limit, len(page))]
	}
	return page, total, nil
}
