package pluginhost

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/plugins/pluginhost/manifest"
)

// API is a plugin API version.
type API = manifest.API

// DefaultSPS is the release that is played unless another one is asked for.
const DefaultSPS = "9.0"

// Profile is one SPS release: what it offers to plugins, and on what.
type Profile struct {
	SPS    string `json:"sps"` // "9.0"; compared with a MANIFEST's bounds as "9.0.0"
	API    API    `json:"api"`
	SDK    string `json:"sdk"`    // the Plugin SDK that the box runs, whatever a plugin was built with
	Python string `json:"python"` // empty where the sources contradict each other
}

// profiles is ordered by release. Two rows are not backed by one clear source:
// 7.0, whose guides name API 1.2, SDK 1.6 and a hook of 1.7; and the Python of 8.
var profiles = []Profile{
	{"5.10", API{Major: 1, Minor: 0}, "1.0.0", "3.6"},
	{"5.11", API{Major: 1, Minor: 1}, "1.1.2", "3.6"},
	{"6.0", API{Major: 1, Minor: 1}, "1.1.4", "3.6"},
	{"6.1", API{Major: 1, Minor: 2}, "1.2.0", "3.6"},
	{"6.2", API{Major: 1, Minor: 3}, "1.3.0", "3.6"},
	{"6.3", API{Major: 1, Minor: 4}, "1.4.2", "3.6"},
	{"6.4", API{Major: 1, Minor: 4}, "1.4.4", "3.6"},
	{"6.5", API{Major: 1, Minor: 5}, "1.5.1", "3.6"},
	{"6.6", API{Major: 1, Minor: 5}, "1.5.3", "3.6"},
	{"6.7", API{Major: 1, Minor: 6}, "1.6.0", "3.6.7"},
	{"6.10", API{Major: 1, Minor: 7}, "1.7.1", "3.8"},
	{"7.0", API{Major: 1, Minor: 7}, "1.7.1", ""},
	{"8.0", API{Major: 1, Minor: 8}, "1.8.0", ""},
	{"8.1", API{Major: 1, Minor: 8}, "1.8.4", ""},
	{"9.0", API{Major: 1, Minor: 9}, "1.9.0", "3.12"},
}

// ErrProfile means that a release is not known.
var ErrProfile = errors.New("unknown SPS release")

// Profiles are all known releases, oldest first.
func Profiles() []Profile { return slices.Clone(profiles) }

// ProfileFor returns the profile of a release. One between two known releases
// ("8.0.5", "7.5.0") has what the earlier one has, under its own number.
func ProfileFor(sps string) (Profile, error) {
	if sps == "" {
		sps = DefaultSPS
	}
	want, ok := release(sps)
	if !ok {
		return Profile{}, fmt.Errorf("%w: %q; write it as major.minor, like %s", ErrProfile, sps, DefaultSPS)
	}
	last, _ := release(profiles[len(profiles)-1].SPS)
	found := Profile{}
	for _, p := range profiles {
		if have, _ := release(p.SPS); slices.Compare(have[:2], want[:2]) <= 0 {
			found = p
		}
	}
	if found.SPS == "" || want[0] > last[0] {
		return Profile{}, fmt.Errorf("%w: %s; known are %s to %s", ErrProfile, sps, profiles[0].SPS, profiles[len(profiles)-1].SPS)
	}
	found.SPS = sps
	return found, nil
}

// release splits "8.0.5" into numbers; a missing one is zero.
func release(s string) ([]int, bool) {
	parts := strings.Split(s, ".")
	out := make([]int, 3)
	if len(parts) > 3 {
		return nil, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// full is the release with all its components, as bounds are compared with it.
func (p Profile) full() string {
	r, ok := release(p.SPS)
	if !ok {
		return p.SPS
	}
	return fmt.Sprintf("%d.%d.%d", r[0], r[1], r[2])
}

// orDefault fills an empty profile.
func (p Profile) orDefault() Profile {
	if p == (Profile{}) {
		return profiles[len(profiles)-1]
	}
	p.SPS = cmp.Or(p.SPS, DefaultSPS)
	return p
}
