package replica

// Die ends a replica as if its process had been killed.
func (g *Group) Die() {
	g.stop()
	g.running.Wait()
}
