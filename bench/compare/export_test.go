//go:build linux

package compare

// Operations is how many operations were measured, over all rounds.
func (r *Report) Operations(scenario, peer string) (n int64) {
	for k, rounds := range r.results {
		if k.scenario.name != scenario || k.peer.name != peer {
			continue
		}
		for _, result := range rounds {
			n += result.Operations
		}
	}
	return n
}

// TakesPart reports whether a scenario makes sense for a peer.
func TakesPart(peer, scenario string) bool {
	for i := range peers {
		for j := range scenarios {
			if peers[i].name == peer && scenarios[j].name == scenario {
				return peers[i].takesPart(&scenarios[j])
			}
		}
	}
	return false
}

// Series is a figure of each round.
type Series = series

// Over divides figures round by round.
func Over(a, b Series) Series { return a.over(b) }
