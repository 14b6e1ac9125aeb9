package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"counterpart/internal/company/state"
)

// The file has two buckets: meta has the format, and tables has a bucket for each table.
const (
	metaBucket   = "meta"
	formatKey    = "format"
	tablesBucket = "tables"
)

// upgrade makes the format that follows of one.
type upgrade func(tx *bolt.Tx) error

// upgrades are the steps from format 1 to the one of today, in order; all that an old
// file needs are done in one transaction.
func upgrades() []upgrade { return nil }

// patience is how long a file may stay locked, by a process that is just ending.
const patience = time.Second

// database is an open file.
type database struct {
	*bolt.DB
	file *os.File
	// lost is that bbolt has panicked while it wrote. Its locks may still be held then, so
	// nothing but the file is touched any more.
	lost error
}

// Close gives the file free.
func (d *database) Close() error {
	if d.lost != nil {
		return d.file.Close()
	}
	return d.DB.Close()
}

// openFile opens a file that is whole and of today's format.
func openFile(path string, noSync bool, chain []upgrade) (*database, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("cannot keep data in %s: %w", filepath.Dir(path), err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = create(path, len(chain)+1)
	case err == nil && !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no file; name another folder for the data, or move that away", path)
	}
	if err != nil {
		return nil, err
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	db, err := openBolt(path, &bolt.Options{Timeout: patience, NoSync: noSync, FreelistType: bolt.FreelistMapType, NoStatistics: true})
	if err != nil {
		return nil, err
	}
	if err := toFormat(db, path, chain); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// create makes an empty file under another name, so that a crash leaves none that is
// half made.
func create(path string, format int) error {
	f, err := os.CreateTemp(filepath.Dir(path), File+".new-*")
	if err != nil {
		return fmt.Errorf("cannot keep data in %s: %w", filepath.Dir(path), err)
	}
	f.Close()
	defer os.Remove(f.Name())
	db, err := openBolt(f.Name(), &bolt.Options{Timeout: patience})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		if _, err := tx.CreateBucket([]byte(tablesBucket)); err != nil {
			return err
		}
		return setFormat(tx, format)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("cannot make %s: %w", path, err)
	}
	// A link does not take the place of a file that another process has made meanwhile.
	if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(f.Name(), path) // a file system without links
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot make %s: %w", path, err)
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync() // some file systems cannot
		d.Close()
	}
	return nil
}

// inspect refuses a file that is damaged, before bbolt believes what is in it.
func inspect(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot read the data file: %w", err)
	}
	defer f.Close()
	if err := checkMetas(f); err != nil {
		return damaged(path, err)
	}
	// Whoever has the lock for reading knows that nobody writes.
	db, err := openBolt(path, &bolt.Options{ReadOnly: true, Timeout: patience, NoStatistics: true})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := check(f); err != nil {
		return damaged(path, err)
	}
	return nil
}

func damaged(path string, why error) error {
	return fmt.Errorf("%w: %s: %w; put a copy of it back, or move it away, and the fleet begins anew", ErrDamaged, path, why)
}

// openBolt is bolt.Open with errors that say what can be done, panics included.
func openBolt(path string, opt *bolt.Options) (*database, error) {
	var db *bolt.DB
	var opened *os.File
	opt.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		var err error
		opened, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
		return opened, err
	}
	err := safely(func() (err error) {
		db, err = bolt.Open(path, 0o600, opt)
		return err
	})
	var panicked *panicError
	switch {
	case err == nil:
		return &database{DB: db, file: opened}, nil
	case errors.As(err, &panicked):
		opened.Close() // and so unlocks it
		return nil, damaged(path, err)
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s%s; end that one, or name another folder", ErrInUse, path, holder(path))
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, damaged(path, err)
	default:
		return nil, fmt.Errorf("cannot open the data file %s: %w", path, err)
	}
}

// panicError is what bbolt does about a file that is not as it believes.
type panicError struct{ value any }

func (p *panicError) Error() string { return fmt.Sprint(p.value) }

// safely turns panics into errors, also those of pages of a file that are gone.
func safely(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p}
		}
	}()
	return f()
}

func setFormat(tx *bolt.Tx, format int) error {
	meta, err := tx.CreateBucketIfNotExists([]byte(metaBucket))
	if err != nil {
		return err
	}
	return meta.Put([]byte(formatKey), []byte(strconv.Itoa(format)))
}

// toFormat brings a file to today's format.
func toFormat(db *database, path string, chain []upgrade) error {
	format := 0
	err := safely(func() error {
		return db.View(func(tx *bolt.Tx) (err error) {
			meta := tx.Bucket([]byte(metaBucket))
			if meta == nil {
				return errors.New("it does not say which format it has")
			}
			if format, err = strconv.Atoi(string(meta.Get([]byte(formatKey)))); err != nil || format < 1 {
				return errors.New("it does not say which format it has")
			}
			return nil
		})
	})
	if err != nil {
		return damaged(path, err)
	}
	if format > len(chain)+1 {
		return fmt.Errorf("%w: %s has format %d, and this version knows formats to %d; take a newer version, or another folder", ErrNewer, path, format, len(chain)+1)
	}
	if format == len(chain)+1 {
		return nil
	}
	err = safely(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			for _, step := range chain[format-1:] {
				if err := step(tx); err != nil {
					return err
				}
			}
			return setFormat(tx, len(chain)+1)
		})
	})
	if err != nil {
		return fmt.Errorf("%s has format %d and cannot be brought to %d; it is as it was: %w", path, format, len(chain)+1, err)
	}
	return nil
}

// load reads everything into memory.
func (s *Store) load() error {
	err := safely(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			tables := tx.Bucket([]byte(tablesBucket))
			if tables == nil {
				return errors.New("it has no tables")
			}
			return tables.ForEach(func(name, value []byte) error {
				t := tables.Bucket(name)
				if t == nil {
					return fmt.Errorf("%q is no table", name)
				}
				id := at{table: string(name[1:])}
				return t.ForEach(func(k, v []byte) (err error) {
					var r state.Record
					if id.key, r, err = decode(id.table, k, v); err == nil {
						s.memory.Load(id.table, id.key, r)
					}
					return err
				})
			})
		})
	})
	if err != nil {
		return damaged(s.path, err)
	}
	return nil
}

// commit writes a batch, and what the file may have otherwise, in one transaction.
func (s *Store) commit(repair map[at]state.Record, b *batch) error {
	type written struct {
		at
		to state.Record
	}
	var all []written
	for id, r := range repair {
		if _, newer := b.changes[id]; !newer {
			all = append(all, written{id, r})
		}
	}
	for id, c := range b.changes {
		all = append(all, written{id, c.to})
	}
	slices.SortFunc(all, func(a, b written) int { return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.key, b.key)) })
	return s.db.Update(func(tx *bolt.Tx) error {
		tables := tx.Bucket([]byte(tablesBucket))
		var t *bolt.Bucket
		for i, w := range all {
			if i == 0 || w.table != all[i-1].table {
				var err error
				if t, err = tables.CreateBucketIfNotExists([]byte("t" + w.table)); err != nil {
					return err
				}
			}
			if err := put(t, w.at, w.to); err != nil {
				return err
			}
		}
		return nil
	})
}

func put(t *bolt.Bucket, id at, r state.Record) error {
	key, long := fileKey(id.key)
	if r.Value == nil {
		return t.Delete(key)
	}
	return t.Put(key, encode(id, r, long))
}
