package rsa

// ways are how an attempt can go on, each method in a set of its own; none once it is over.
func (s *Server) ways(a *attempt) []methodSet {
	if a.over() {
		return []methodSet{}
	}
	if a.Wants != "" {
		m, _ := among(append(steps(), methods()...), a.Wants)
		if !s.cloud() {
			m.display = ""
		}
		return []methodSet{s.way(a, m, true)}
	}
	out := []methodSet{}
	list, usable := s.offered(a)
	for _, m := range list {
		out = append(out, s.way(a, m, usable[m.id]))
	}
	return out
}

// way is one method as clients read it: Authentication Manager names none for people to
// choose from, the cloud does.
func (s *Server) way(a *attempt, m method, usable bool) methodSet {
	v := version{ID: "1.0.0", Attributes: []attribute{}, Wanted: m.prompt != ""}
	if !usable {
		v.Attributes = []attribute{{Name: "METHOD_NOT_APPLICABLE", Value: "true", DataType: "BOOLEAN"}}
	}
	if s.cloud() && a.Wants == "" {
		ref := ""
		if m.id == a.Push {
			ref = a.Refers
		}
		v.Reference = &ref
	}
	if m.prompt != "" {
		v.Prompt = &prompt{Resource: m.prompt, Text: m.text, Sensitive: true, Args: []string{}}
		if m.id == newPIN {
			p := s.set.Policy.PIN
			v.Prompt.Defined, v.Prompt.Min, v.Prompt.Max = true, &p.Min, &p.Max
			if a.PIN != "" {
				v.Prompt.Default = &a.PIN
			}
		}
	}
	r := requiredMethod{ID: m.id, Versions: []version{v}}
	if m.display != "" {
		r.DisplayName = &m.display
	}
	return methodSet{Required: []requiredMethod{r}}
}
