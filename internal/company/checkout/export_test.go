package checkout

// Made is the private key of an ID, made once.
func (d *Service) Made(id string, generate func(string) (string, error)) (string, error) {
	return d.made(id, generate)
}
