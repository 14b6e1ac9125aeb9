package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// What follows reads a file as bbolt would (its file format 2, internal/common of
// go.etcd.io/bbolt), and believes nothing: every page and every element is where it can
// be, nothing is reached twice. bbolt itself takes that for granted.

// Sizes and flags of the format.
const (
	magic       = 0xED0CDAED
	fileVersion = 2

	pageHeader = 16 // id, flags, count, overflow
	element    = 16 // of a branch: pos, ksize, page; of a leaf: flags, pos, ksize, vsize
	bucketHead = 16 // root, sequence
	metaLength = 64 // to the end of the checksum

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	subBucket    = 0x01 // of a leaf's element

	noFreelist = ^uint64(0)
	deepest    = 64 // pages above each other
)

// meta is one of the two pages that say where everything begins.
type meta struct {
	pageSize             int64
	root, freelist, high uint64 // pages; high is the first that is not used
	tx                   uint64
}

// readMeta reads a meta page at an offset.
func readMeta(f io.ReaderAt, offset int64) (meta, error) {
	page := make([]byte, pageHeader+metaLength)
	if _, err := f.ReadAt(page, offset); err != nil {
		return meta{}, errors.New("it is cut off")
	}
	ne, m := binary.NativeEndian, page[pageHeader:]
	sum := fnv.New64a()
	sum.Write(m[:metaLength-8])
	switch {
	case ne.Uint32(m) != magic:
		return meta{}, errors.New("it is no data file")
	case ne.Uint32(m[4:]) != fileVersion:
		return meta{}, errors.New("it is of another version of bbolt")
	case ne.Uint64(m[56:]) != sum.Sum64():
		return meta{}, errors.New("its first pages are damaged")
	}
	return meta{pageSize: int64(ne.Uint32(m[8:])), root: ne.Uint64(m[16:]), freelist: ne.Uint64(m[32:]), high: ne.Uint64(m[40:]), tx: ne.Uint64(m[48:])}, nil
}

// metas are both meta pages, those of them that are whole: a crash can leave one half
// written.
func metas(f *os.File) (out []meta, size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if size = info.Size(); size == 0 {
		return nil, 0, errors.New("it is empty")
	}
	first, err := readMeta(f, 0)
	if err == nil {
		out = append(out, first)
	}
	for at := int64(1 << 10); at <= 1<<24 && at < size; at <<= 1 {
		if second, failed := readMeta(f, at); failed == nil && second.pageSize == at && (err != nil || first.pageSize == at) {
			return append(out, second), size, nil
		}
	}
	if len(out) == 0 {
		return nil, 0, err
	}
	return out, size, nil
}

// checkMetas refuses what is no data file at all.
func checkMetas(f *os.File) error {
	all, size, err := metas(f)
	if err != nil {
		return err
	}
	for _, m := range all {
		switch {
		case m.pageSize < 1<<10 || m.pageSize > 1<<24 || m.pageSize&(m.pageSize-1) != 0:
			return errors.New("its first pages are damaged")
		case m.high < 3 || m.high > uint64(size/m.pageSize):
			return fmt.Errorf("it is cut off: %d octets of at least %d are there", size, int64(m.high)*m.pageSize)
		}
	}
	return nil
}

// checker goes through the pages of a file.
type checker struct {
	file io.ReaderAt
	meta
	seen []bool
}

// check refuses a damaged file.
func check(f *os.File) error {
	if err := checkMetas(f); err != nil {
		return err
	}
	all, _, err := metas(f)
	if err != nil {
		return err
	}
	m := all[0]
	if len(all) > 1 && all[1].tx > m.tx {
		m = all[1]
	}
	c := &checker{f, m, make([]bool, m.high)}
	c.seen[0], c.seen[1] = true, true
	if m.freelist != noFreelist {
		if err := c.freelist(); err != nil {
			return err
		}
	}
	return c.tree(m.root, 0, &bounds{})
}

// page reads a page with what belongs to it, once.
func (c *checker) page(id uint64) ([]byte, error) {
	if id < 2 || id >= c.high || c.seen[id] {
		return nil, fmt.Errorf("page %d is not where it belongs", id)
	}
	head := make([]byte, pageHeader)
	if _, err := c.file.ReadAt(head, int64(id)*c.pageSize); err != nil {
		return nil, fmt.Errorf("page %d cannot be read: %w", id, err)
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head) != id || more >= c.high-id {
		return nil, fmt.Errorf("page %d is damaged", id)
	}
	for i := id; i <= id+more; i++ {
		if c.seen[i] {
			return nil, fmt.Errorf("page %d is not where it belongs", i)
		}
		c.seen[i] = true
	}
	p := make([]byte, int64(more+1)*c.pageSize)
	if _, err := c.file.ReadAt(p, int64(id)*c.pageSize); err != nil {
		return nil, fmt.Errorf("page %d cannot be read: %w", id, err)
	}
	return p, nil
}

// freelist checks the list of free pages, none of which may be used.
func (c *checker) freelist() error {
	p, err := c.page(c.meta.freelist)
	if err != nil {
		return err
	}
	broken := fmt.Errorf("page %d, the list of free pages, is damaged", c.meta.freelist)
	if flags(p) != freelistPage {
		return broken
	}
	ids, count := p[pageHeader:], uint64(counted(p))
	if count == 0xFFFF {
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return broken
	}
	for i := range count {
		id := binary.NativeEndian.Uint64(ids[i*8:])
		if id < 2 || id >= c.high || c.seen[id] {
			return broken
		}
		c.seen[id] = true
	}
	return nil
}

func flags(p []byte) uint16   { return binary.NativeEndian.Uint16(p[8:]) }
func counted(p []byte) uint16 { return binary.NativeEndian.Uint16(p[10:]) }

// bounds are between which keys those of a page are, and the last key that was met.
type bounds struct {
	last  []byte
	below []byte // nil: no end
}

// next takes a key; inner is that of a branch, with which a page below it may begin.
func (b *bounds) next(key []byte, inner bool) bool {
	if b.last != nil && bytes.Compare(key, b.last) < 0 || b.below != nil && bytes.Compare(key, b.below) >= 0 {
		return false
	}
	if !inner {
		key = append(bytes.Clone(key), 0) // the least that may follow
	}
	b.last = key
	return true
}

// tree checks a page and all below it.
func (c *checker) tree(id uint64, depth int, b *bounds) error {
	p, err := c.page(id)
	if err != nil {
		return err
	}
	return c.elements(p, id, depth, b)
}

func (c *checker) elements(p []byte, id uint64, depth int, b *bounds) error {
	broken := fmt.Errorf("page %d is damaged", id)
	n := int(counted(p))
	if depth > deepest || pageHeader+n*element > len(p) {
		return broken
	}
	ne := binary.NativeEndian
	switch flags(p) {
	case branchPage:
		if n == 0 {
			return broken
		}
		var keys [][]byte
		for i := range n {
			at := pageHeader + i*element
			key, ok := part(p, at, uint64(ne.Uint32(p[at:])), uint64(ne.Uint32(p[at+4:])))
			if !ok {
				return broken
			}
			keys = append(keys, key)
		}
		for i, key := range keys {
			inner := *b
			if i+1 < n {
				inner.below = keys[i+1]
			}
			if !inner.next(key, true) {
				return broken
			}
			if err := c.tree(ne.Uint64(p[pageHeader+i*element+8:]), depth+1, &inner); err != nil {
				return err
			}
			b.last = inner.last
		}
		return nil
	case leafPage:
		return c.leaf(p, id, depth, b)
	}
	return broken
}

// leaf checks the elements of a page that has values. Inline buckets have no pages of
// their own, and no buckets.
func (c *checker) leaf(p []byte, id uint64, depth int, b *bounds) error {
	broken := fmt.Errorf("page %d is damaged", id)
	ne, total := binary.NativeEndian, uint64(pageHeader)
	for i := range int(counted(p)) {
		at := pageHeader + i*element
		pos, ksize, vsize := uint64(ne.Uint32(p[at+4:])), uint64(ne.Uint32(p[at+8:])), uint64(ne.Uint32(p[at+12:]))
		key, ok := part(p, at, pos, ksize)
		value, fits := part(p, at, pos+ksize, vsize)
		kind := ne.Uint32(p[at:])
		total += element + ksize + vsize // or a small file could have much in it
		if !ok || !fits || total > uint64(len(p)) || len(key) == 0 || kind > subBucket || !b.next(key, false) {
			return broken
		}
		if kind == subBucket && ne.Uint64(p) != id { // a page within another
			return broken
		}
		if kind == subBucket {
			if err := c.bucket(value, id, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// part is a piece of a page, which says where it is from an element's beginning.
func part(p []byte, element int, pos, size uint64) ([]byte, bool) {
	from := uint64(element) + pos
	if from+size > uint64(len(p)) {
		return nil, false
	}
	return p[from : from+size], true
}

// bucket checks a bucket, which stands in its element when it is small.
func (c *checker) bucket(head []byte, id uint64, depth int) error {
	if len(head) < bucketHead {
		return fmt.Errorf("page %d is damaged", id)
	}
	if root := binary.NativeEndian.Uint64(head); root != 0 {
		return c.tree(root, depth, &bounds{})
	}
	if inline := head[bucketHead:]; len(inline) >= pageHeader && flags(inline) == leafPage {
		return c.elements(inline, id, depth, &bounds{})
	}
	return fmt.Errorf("page %d is damaged", id)
}
