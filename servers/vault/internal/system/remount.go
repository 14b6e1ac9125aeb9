package system

import (
	"strings"
	"time"

	"counterpart/internal/face/ids"
	"counterpart/servers/vault/internal/core"
)

func (b *Backend) remount(r *core.Request) (*core.Answer, error) {
	from, to := r.Text("from"), r.Text("to")
	switch {
	case from == "" || to == "":
		return nil, core.BadRequest("both 'from' and 'to' path must be specified as a string")
	case strings.TrimRight(to, " ") != to:
		return nil, core.BadRequest("'to' path cannot contain trailing whitespace")
	}
	from, to = core.MountPath(from, false), core.MountPath(to, false)
	isAuth, toAuth := strings.HasPrefix(from, "auth/"), strings.HasPrefix(to, "auth/")
	switch {
	case from == "auth/token/", !isAuth && reserved(from):
		return nil, core.BadRequest("cannot remount %q", from)
	case isAuth && !toAuth:
		return nil, core.BadRequest("cannot remount auth mount to non-auth mount %q", to)
	case !isAuth && reserved(to), to == "auth/":
		return nil, core.BadRequest("cannot remount to destination %s", to)
	}
	id := ids.UUID(r.Rand)
	table, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	if err := movable(table, from, to); err != nil {
		return nil, err
	}
	err = b.moves.Edit(r.Ctx, id, func(m *move, _ bool) (time.Time, error) {
		*m = move{from, to}
		return r.Clock.Now().Add(core.Remembered), nil
	})
	if err != nil {
		return nil, err
	}
	err = r.EditMounts(func(t *core.Mounts) error {
		if err := movable(t, from, to); err != nil {
			return err
		}
		t.At(from).Path = to
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.Vars = map[string]string{"prefix": from}
	if _, err := core.RevokePrefix(r); err != nil { // leases are named by the path
		return nil, err
	}
	return &core.Answer{Twin: true, Data: map[string]any{"migration_id": id},
		Warnings: []string{"Mount move has been queued. Progress will be reported in " + r.Product() + "'s server log, tagged with the returned migration_id"}}, nil
}

// movable refuses a move that cannot be.
func movable(t *core.Mounts, from, to string) error {
	if t.At(from) == nil {
		return core.BadRequest("no matching mount at %q", from)
	}
	if x := t.Conflict(to); x != nil {
		return core.BadRequest("path already in use at %q", x.Path)
	}
	return nil
}

// move is a mount that has moved.
type move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// remountStatus is always that of a move that is over: ours take no time.
func (b *Backend) remountStatus(r *core.Request) (*core.Answer, error) {
	m, err := core.Require(r.Ctx, b.moves, r.Vars["id"])
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"migration_id": r.Vars["id"], "migration_info": struct {
		From   string `json:"source_mount"`
		To     string `json:"target_mount"`
		Status string `json:"status"`
	}{m.From, m.To, "success"}})
}
