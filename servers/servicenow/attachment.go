package servicenow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/face/httpapi"
	"counterpart/servers/servicenow/internal/dict"
)

// What attachments may take: one of them, and all of an instance.
const (
	maxUpload      = 8 << 20
	maxAllUploads  = 64 << 20
	maxAttachments = 1000

	usualAttachments = 1000 // of a list that asks for no number
)

// room is how much all attachments of an instance take.
type room struct{ Files, Octets int }

// reserve takes room for a file, or with negative numbers gives it back. What an upload
// that died has taken is found when nothing seems to be left.
func (s *Server) reserve(ctx context.Context, files, octets int) error {
	full := &failure{Cause: aclInsert, why: "there is no room for more attachments"}
	take := func(seen *room) error {
		return s.taken.Edit(ctx, "attachments", func(v *room, _ bool) (time.Time, error) {
			if seen != nil {
				*v = *seen
			}
			if v.Files+files > maxAttachments || v.Octets+octets > maxAllUploads {
				return time.Time{}, full
			}
			v.Files, v.Octets = v.Files+files, v.Octets+octets
			return time.Time{}, nil
		})
	}
	err := take(nil)
	if !errors.Is(err, error(full)) {
		return err
	}
	seen, err := s.attached(ctx)
	if err != nil {
		return err
	}
	return take(seen)
}

// attached is how much room the attachments take that are listed.
func (s *Server) attached(ctx context.Context) (*room, error) {
	var out room
	for rec, err := range s.ownRows(ctx, "sys_attachment") {
		if err != nil {
			return nil, err
		}
		size, err := strconv.Atoi(rec.values["size_bytes"])
		if err != nil {
			continue // of the seed, with no file
		}
		out.Files, out.Octets = out.Files+1, out.Octets+size
	}
	return &out, nil
}

// discard deletes an attachment with its file.
func (s *Server) discard(ctx context.Context, rec *record) error {
	if err := s.drop(ctx, rec); err != nil {
		return err
	}
	size := 0
	err := s.files.Update(ctx, rec.id, func(r state.Record) (state.Record, error) {
		size = len(r.Value)
		if r.Value == nil {
			return r, state.ErrKeep
		}
		return state.Record{}, nil
	})
	if errors.Is(err, state.ErrKeep) { // somebody else was first
		return nil
	}
	if err != nil {
		return err
	}
	return s.reserve(ctx, -1, -size)
}

// discardOf deletes the attachments of a row that is gone.
func (s *Server) discardOf(ctx context.Context, id string) error {
	for rec, err := range s.ownRows(ctx, "sys_attachment") {
		if err != nil {
			return err
		}
		if rec.values["table_sys_id"] == id {
			if err := s.discard(ctx, rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// attachments is the table of them.
func (r *request) attachments() *dict.Table {
	t, _ := r.dict.Table("sys_attachment")
	return t
}

func (r *request) listAttachments() error {
	if err := r.name("attachment.list", ""); err != nil {
		return err
	}
	t, err := r.tableNamed("sys_attachment")
	if err != nil {
		return err
	}
	p, err := r.params()
	if err != nil {
		return err
	}
	if p.Get("sysparm_limit") == "" {
		p.limit = usualAttachments
	}
	return r.list(t, p)
}

// attachedTo is the row of an attachment that the user may see.
func (r *request) attachedTo(op string) (*record, error) {
	if err := r.name(op, r.Param("sys_id")); err != nil {
		return nil, err
	}
	if _, err := r.tableNamed("sys_attachment"); err != nil {
		return nil, err
	}
	rec, err := r.find(r.ctx(), "sys_attachment", r.Param("sys_id"))
	if err == nil && r.hidden(rec) {
		err = cause.Because(noRecord, "access closes %s to %s", rec.values["table_name"], r.user.name)
	}
	return rec, err
}

// attachable refuses changes to what is attached to a row that the user may not
// write to.
func (r *request) attachable(table, id string) error {
	to, err := r.find(r.ctx(), table, id)
	if err != nil {
		return err
	}
	if r.hidden(to) {
		return cause.Because(noRecord, "access closes %s to %s", to.class, r.user.name)
	}
	return r.acl("update", to, to)
}

// attachment shows or deletes one.
func (r *request) attachment() error {
	ops := map[string]string{"GET": "attachment.get", "HEAD": "attachment.get", "DELETE": "attachment.delete"}
	op := ops[r.method()]
	if op == "" {
		return cause.Because(methodRefused, "%s on an attachment", r.method())
	}
	rec, err := r.attachedTo(op)
	if err != nil {
		return err
	}
	if op == "attachment.delete" {
		if err := r.attachable(rec.values["table_name"], rec.values["table_sys_id"]); err != nil && !errors.Is(err, noRecord) {
			return err
		}
		if err := r.discard(r.ctx(), rec); err != nil {
			return err
		}
		return r.NoContent(http.StatusNoContent)
	}
	p, err := r.params()
	if err != nil {
		return err
	}
	return r.single(http.StatusOK, r.attachments(), rec, p)
}

func (r *request) download() error {
	rec, err := r.attachedTo("attachment.file")
	if err != nil {
		return err
	}
	file, err := r.files.Get(r.ctx(), rec.id)
	if err != nil {
		return err
	}
	r.call().Response = fmt.Sprintf("%s, a file of %d octets", rec.values["content_type"], len(file.Value)) // whatever is in it
	h := r.Response().Header()
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": rec.values["file_name"]}))
	return r.Blob(http.StatusOK, rec.values["content_type"], file.Value)
}

// unshown keeps a file out of the journal.
func (r *request) unshown() {
	r.call().Request = r.Request().Method + " " + r.Request().URL.RequestURI() + "\n(a file)"
}

// upload takes the file as the body.
func (r *request) upload() error {
	r.unshown()
	if err := r.name("attachment.upload", ""); err != nil {
		return err
	}
	raw, err := r.whole()
	if err != nil {
		return err
	}
	q := r.QueryParams()
	return r.attach(map[string]string{"file_name": q.Get("file_name"), "table_name": q.Get("table_name"), "table_sys_id": q.Get("table_sys_id"),
		"content_type": r.Request().Header.Get("Content-Type")}, raw)
}

// uploadForm takes the file as the last part of a form; clients that only claim
// to send a form get the whole body as the file.
func (r *request) uploadForm() error {
	r.unshown()
	if err := r.name("attachment.upload", ""); err != nil {
		return err
	}
	kind := r.Request().Header.Get("Content-Type")
	if !httpapi.IsMultipart(kind) {
		return r.upload()
	}
	body, err := r.whole()
	if err != nil {
		return err
	}
	values := map[string]string{}
	for part, err := range httpapi.Parts(body, kind) {
		if err != nil {
			return &failure{Cause: badBody, why: err.Error()}
		}
		if part.File == "" {
			values[part.Name] = string(part.Value[:min(len(part.Value), 1000)])
			continue
		}
		if values["file_name"] == "" {
			values["file_name"] = path.Base(part.File)
		}
		return r.attach(map[string]string{"file_name": values["file_name"], "table_name": values["table_name"], "table_sys_id": values["table_sys_id"],
			"content_type": part.ContentType}, part.Value)
	}
	return &failure{Cause: badBody, why: "the form has no file"}
}

// attach keeps a file for a row.
func (r *request) attach(values map[string]string, raw []byte) error {
	if values["file_name"] == "" || strings.ContainsAny(values["file_name"], "/\\\r\n") || len(values["file_name"]) > 255 {
		return fail(cause.BadInput, "Missing or invalid parameter: file_name")
	}
	if len(values["content_type"]) > 255 {
		return fail(cause.BadInput, "Invalid content type")
	}
	t, err := r.tableNamed(values["table_name"])
	if err != nil {
		return err
	}
	if err := r.attachable(t.Name, values["table_sys_id"]); err != nil {
		return err
	}
	rec, err := r.shelve(values, raw)
	if err != nil {
		return err
	}
	p, err := r.params()
	if err != nil {
		return err
	}
	r.Response().Header().Set("Location", r.base()+"/api/now/attachment/"+rec.id)
	return r.single(http.StatusCreated, r.attachments(), rec, &params{display: p.display})
}

// shelve stores a file, then its row. A client that goes away meanwhile, or a rule
// that refuses the row, leaves no room taken.
func (r *request) shelve(values map[string]string, raw []byte) (*record, error) {
	ctx := context.WithoutCancel(r.ctx())
	if values["content_type"] == "" {
		values["content_type"] = "application/octet-stream"
	}
	sum := sha256.Sum256(raw)
	size := strconv.Itoa(len(raw))
	for k, v := range map[string]string{"size_bytes": size, "size_compressed": size, "compressed": "true", "state": "available", "hash": hex.EncodeToString(sum[:])} {
		values[k] = v
	}
	rec, err := r.newOwn(r.attachments(), values)
	if err != nil {
		return nil, err
	}
	if err := r.reserve(ctx, 1, len(raw)); err != nil {
		return nil, err
	}
	err = r.files.Update(ctx, rec.id, func(state.Record) (state.Record, error) {
		return state.Record{Value: append([]byte{}, raw...)}, nil
	})
	if err != nil {
		return nil, errors.Join(err, r.reserve(ctx, -1, -len(raw)))
	}
	if err := r.insert(ctx, rec); err != nil { // last: what is listed is there
		return nil, errors.Join(err, r.discard(ctx, rec))
	}
	return rec, nil
}
