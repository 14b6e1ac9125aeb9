package vault

import (
	"strings"
	"time"

	"counterpart/internal/world"
)

func remount(r *request) (*answer, error) {
	from, to := strings.Trim(r.text("from"), "/")+"/", strings.Trim(r.text("to"), "/")+"/"
	err := r.editMounts(func(t *mounts) error {
		m := t.at(from)
		switch {
		case m == nil:
			return bad("no matching mount at %q", from)
		case t.conflict(to) != nil:
			return bad("path already in use at %q", to)
		case strings.HasPrefix(from, "auth/") != strings.HasPrefix(to, "auth/"):
			return bad("cannot remount %q to %q", from, to)
		}
		m.Path = to
		return nil
	})
	if err != nil {
		return nil, err
	}
	id := world.UUID(r.Rand)
	err = r.moves.editUntil(r.ctx, id, func(m *move, _ bool) (time.Time, error) {
		*m = move{from, to}
		return r.Clock.Now().Add(remembered), nil
	})
	if err != nil {
		return nil, err
	}
	return &answer{twin: true, data: map[string]any{"migration_id": id},
		warnings: []string{"Mount move has been queued. Progress will be reported in Vault's server log, tagged with the returned migration_id"}}, nil
}

// move is a mount that has moved.
type move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// remountStatus is always that of a move that is over: ours take no time.
func remountStatus(r *request) (*answer, error) {
	m, err := r.moves.get(r.ctx, r.vars["id"])
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, errMissing
	}
	return ok(map[string]any{"migration_id": r.vars["id"], "migration_info": struct {
		From   string `json:"source_mount"`
		To     string `json:"target_mount"`
		Status string `json:"status"`
	}{m.From, m.To, "success"}})
}
