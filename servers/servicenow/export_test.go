package servicenow

// SetQuota bounds what one list may cost.
func (s *Server) SetQuota(n int) { s.quota = n }

// Documented are the documented parameters by operation, and UnplayedParameters
// those of them that have no effect.
var (
	Documented         = documented
	UnplayedParameters = unplayedParameters
)
