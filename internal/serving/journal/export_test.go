package journal

// KnownSessions is how many sessions could still go on.
func (j *Journal) KnownSessions() int {
	j.sessions.mu.Lock()
	defer j.sessions.mu.Unlock()
	return len(j.sessions.known)
}
