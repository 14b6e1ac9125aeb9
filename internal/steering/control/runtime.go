package control

import (
	"fmt"
	"io"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/serving/dialect"
)

// gauge is one value of the process, under the name that Prometheus clients give it.
type gauge struct {
	name, help string
	value      uint64
}

// process writes what the process itself takes, in Prometheus' usual names.
func (s *Server) process(w io.Writer) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/metadata/mspan/inuse:bytes"}, {Name: "/memory/classes/metadata/mspan/free:bytes"},
		{Name: "/memory/classes/metadata/other:bytes"}, {Name: "/memory/classes/profiling/buckets:bytes"}, {Name: "/memory/classes/other:bytes"}}
	metrics.Read(sample)
	at := func(i int) uint64 { return sample[i].Value.Uint64() }
	all := []gauge{
		{"go_goroutines", "Goroutines that exist.", uint64(runtime.NumGoroutine())},
		{"go_memstats_heap_live_bytes", "Heap that the last collection found in use.", at(0)},
		{"go_memstats_heap_objects_bytes", "Heap taken by objects, dead ones that are not yet collected among them.", at(1)},
		{"go_memstats_stack_inuse_bytes", "Memory of stacks.", at(2)},
		{"go_memstats_heap_released_bytes", "Memory that was given back to the system.", at(3)},
		{"go_memstats_sys_bytes", "Address space that the runtime uses.", at(4)},
		{"go_memstats_heap_free_bytes", "Heap that nothing uses and that was not given back.", at(5)},
		{"go_memstats_heap_unused_bytes", "Room between the objects of the heap.", at(6)},
		{"go_memstats_mspan_sys_bytes", "Memory of the heap's own records.", at(7) + at(8)},
		{"go_memstats_gc_sys_bytes", "Memory of the collector's records.", at(9)},
		{"go_memstats_buck_hash_sys_bytes", "Memory of profiles.", at(10)},
		{"go_memstats_other_sys_bytes", "Memory that the runtime uses otherwise.", at(11)},
	}
	if pages, ok := resident(); ok {
		all = append(all, gauge{"process_resident_memory_bytes", "Memory that the system provides.", pages * uint64(os.Getpagesize())})
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		all = append(all, gauge{"process_open_fds", "Open descriptors.", uint64(len(fds))})
	}
	for _, g := range all {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s gauge\n%s %d\n", g.name, g.help, g.name, g.name, g.value)
	}
	f := s.Fleet()
	if f == nil {
		return
	}
	loads := f.Loads()
	for _, m := range []struct {
		name, kind, help string
		value            func(i int) uint64
	}{
		{"counterpart_connections", "gauge", "Open connections, and datagrams being handled.", func(i int) uint64 { return uint64(loads[i].Open) }},
		{"counterpart_evicted_total", "counter", "Idle connections that made room for others.", func(i int) uint64 { return loads[i].Evicted }},
		{"counterpart_turned_away_total", "counter", "Connections and datagrams that found no room.", func(i int) uint64 { return loads[i].Dropped }},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for i, l := range loads {
			fmt.Fprintf(w, "%s{server=%q,port=%q} %d\n", m.name, l.Server, l.Port, m.value(i))
		}
	}
}

// resident is the number of pages in memory, where the system tells.
func resident() (pages uint64, ok bool) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err = strconv.ParseUint(fields[1], 10, 64)
	return pages, err == nil
}

// profiles are the runtime's own, for `go tool pprof`.
func (s *Server) profiles() []dialect.Route {
	if !s.Profiles {
		return nil
	}
	return []dialect.Route{
		s.route("GET", "/debug/pprof/", func(c echo.Context) error { pprof.Index(c.Response(), c.Request()); return nil }),
		s.route("GET", "/debug/pprof/profile", func(c echo.Context) error { pprof.Profile(c.Response(), c.Request()); return nil }),
		s.route("GET", "/debug/pprof/trace", func(c echo.Context) error { pprof.Trace(c.Response(), c.Request()); return nil }),
		s.route("GET", "/debug/pprof/:name", func(c echo.Context) error {
			pprof.Handler(c.Param("name")).ServeHTTP(c.Response(), c.Request())
			return nil
		}),
	}
}
