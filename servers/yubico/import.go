package yubico

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// lines yields the lines of a file in CSV that are no comments, each of at least so
// many fields.
func lines(text string, fields int, each func(f []string) error) error {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment, r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = '#', -1, true, true
	for {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if len(f) < fields {
			return fmt.Errorf("line %d has %d fields, not %d", line, len(f), fields)
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		if err := each(f); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// truth reads what databases write for a truth value.
func truth(text string) (bool, error) {
	switch {
	case slices.Contains([]string{"1", "t", "true"}, strings.ToLower(text)):
		return true, nil
	case slices.Contains([]string{"0", "f", "false", ""}, strings.ToLower(text)):
		return false, nil
	}
	return false, fmt.Errorf("%q is neither 1 nor 0", text)
}

// readClients reads id,active,created,secret,email,notes,otp.
func readClients(text string) (out []Client, err error) {
	err = lines(text, 4, func(f []string) error {
		id, err := strconv.ParseUint(f[0], 10, 63)
		if err != nil || id == 0 || len(f[0]) > 10 {
			return fmt.Errorf("%q is no number of a client", f[0])
		}
		active, err := truth(f[1])
		if err != nil {
			return err
		}
		c := Client{ID: int(id), Active: active, Secret: f[3]}
		if len(f) > 4 {
			c.Email = f[4]
		}
		out = append(out, c)
		return nil
	})
	return out, err
}

// readKeys reads serial,publicName,internalName,aesKey,lockCode,created,accessed and
// perhaps progflags, the key provisioning format.
func readKeys(text string) (out []Key, err error) {
	err = lines(text, 7, func(f []string) error {
		if _, err := strconv.ParseUint(f[0], 10, 63); err != nil {
			return fmt.Errorf("%q is no serial number", f[0])
		}
		id, ok := world.PublicID(f[1])
		if _, modhex := world.ParseModhex(f[1]); !ok || !modhex {
			return fmt.Errorf("%q is no public ID in modhex", f[1])
		}
		k := Key{Serial: f[0], PublicID: id, PrivateID: f[2], AESKey: f[3], Active: true, KSMActive: true, Start: Start{Counter: 1}}
		for _, err := range []error{whole("private_id", k.PrivateID, 6), whole("aes_key", k.AESKey, 16)} {
			if err != nil {
				return err
			}
		}
		out = append(out, k)
		return nil
	})
	return out, err
}

// whole refuses octets that are missing or malformed.
func whole(name, text string, size int) error {
	b, err := octets(name, text, size)
	if err == nil && b == nil {
		err = fmt.Errorf("`%s` is missing", name)
	}
	return err
}

// readRows reads active,created,modified,yk_publicname,yk_counter,yk_use,yk_low,
// yk_high,nonce,notes. Of two lines about one key the higher counts.
func readRows(text string) (map[string]row, error) {
	out := map[string]row{}
	err := lines(text, 9, func(f []string) error {
		active, err := truth(f[0])
		if err != nil {
			return err
		}
		if _, modhex := world.ParseModhex(f[3]); !modhex || len(f[3]) > world.LongestPublicID {
			return fmt.Errorf("%q is no public ID in modhex", f[3])
		}
		var n [5]int
		for i, at := range []int{2, 4, 5, 6, 7} {
			if n[i], err = strconv.Atoi(f[at]); err != nil || n[i] < -1 {
				return fmt.Errorf("%q is no number from -1 up", f[at])
			}
		}
		r := row{factor.YubikeyRow{Modified: int64(n[0]), Session: n[1], Use: n[2], Low: n[3], High: n[4], Mark: f[8]}, !active}
		if was, twice := out[f[3]]; !twice || r.Above(was.YubikeyRow) {
			out[f[3]] = r
		}
		return nil
	})
	return out, err
}
