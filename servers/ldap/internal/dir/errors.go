package dir

import (
	"errors"

	"counterpart/servers/ldap/internal/schema"
)

// What the directory refuses, by kind; a Detail says it in words.
var (
	ErrNoSuchAttribute = errors.New("dir: no such attribute or value")
	ErrUndefinedType   = errors.New("dir: undefined attribute type")
	ErrValueExists     = errors.New("dir: attribute or value exists")
	ErrSyntax          = errors.New("dir: invalid attribute syntax")
	ErrConstraint      = errors.New("dir: constraint violation")
	ErrClass           = errors.New("dir: object class violation")
	ErrNaming          = errors.New("dir: naming violation")
	ErrOnRDN           = errors.New("dir: not allowed on RDN")
	ErrExists          = errors.New("dir: entry already exists")
	ErrNonLeaf         = errors.New("dir: not allowed on non-leaf")
	ErrMatching        = errors.New("dir: inappropriate matching")
	ErrUnwilling       = errors.New("dir: unwilling to perform")
)

// Detail is a refusal with the sentence that OpenLDAP has for it.
type Detail struct {
	Err  error
	Text string
	Attr *schema.Attribute // what it is about; nil if nothing in particular
}

// Error is the kind and the sentence.
func (d *Detail) Error() string { return d.Err.Error() + ": " + d.Text }

// Unwrap lets errors.Is find the kind.
func (d *Detail) Unwrap() error { return d.Err }

func refuse(err error, text string) error { return &Detail{Err: err, Text: text} }

func refuseOn(a *schema.Attribute, err error, text string) error { return &Detail{err, text, a} }

// Missing says that a name is not there.
type Missing struct {
	Snapshot *Snapshot
	Matched  ID // the deepest existing entry above it
	Text     string
}

// Error implements error.
func (m *Missing) Error() string { return "dir: no such object" }
