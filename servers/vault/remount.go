package vault

import (
	"strings"
	"time"

	"counterpart/internal/face/ids"
)

func remount(r *request) (*answer, error) {
	from, to := r.text("from"), r.text("to")
	switch {
	case from == "" || to == "":
		return nil, bad("both 'from' and 'to' path must be specified as a string")
	case strings.TrimRight(to, " ") != to:
		return nil, bad("'to' path cannot contain trailing whitespace")
	}
	from, to = mountPath(from, false), mountPath(to, false)
	isAuth, toAuth := strings.HasPrefix(from, "auth/"), strings.HasPrefix(to, "auth/")
	switch {
	case from == "auth/token/", !isAuth && reserved(from):
		return nil, bad("cannot remount %q", from)
	case isAuth && !toAuth:
		return nil, bad("cannot remount auth mount to non-auth mount %q", to)
	case !isAuth && reserved(to), to == "auth/":
		return nil, bad("cannot remount to destination %s", to)
	}
	id := ids.UUID(r.Rand)
	table, err := r.table()
	if err != nil {
		return nil, err
	}
	if err := movable(table, from, to); err != nil {
		return nil, err
	}
	err = r.moves.Edit(r.ctx, id, func(m *move, _ bool) (time.Time, error) {
		*m = move{from, to}
		return r.Clock.Now().Add(remembered), nil
	})
	if err != nil {
		return nil, err
	}
	err = r.editMounts(func(t *mounts) error {
		if err := movable(t, from, to); err != nil {
			return err
		}
		t.at(from).Path = to
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.vars = map[string]string{"prefix": from}
	if _, err := revokePrefix(r); err != nil { // leases are named by the path
		return nil, err
	}
	return &answer{twin: true, data: map[string]any{"migration_id": id},
		warnings: []string{"Mount move has been queued. Progress will be reported in " + r.product() + "'s server log, tagged with the returned migration_id"}}, nil
}

// movable refuses a move that cannot be.
func movable(t *mounts, from, to string) error {
	if t.at(from) == nil {
		return bad("no matching mount at %q", from)
	}
	if x := t.conflict(to); x != nil {
		return bad("path already in use at %q", x.Path)
	}
	return nil
}

// move is a mount that has moved.
type move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// remountStatus is always that of a move that is over: ours take no time.
func remountStatus(r *request) (*answer, error) {
	m, err := need(r.ctx, r.moves, r.vars["id"])
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"migration_id": r.vars["id"], "migration_info": struct {
		From   string `json:"source_mount"`
		To     string `json:"target_mount"`
		Status string `json:"status"`
	}{m.From, m.To, "success"}})
}
