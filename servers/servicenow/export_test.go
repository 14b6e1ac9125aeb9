package servicenow

// SetQuota bounds what one list may cost.
func (s *Server) SetQuota(n int) { s.quota = n }
