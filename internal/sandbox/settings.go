package sandbox

// Settings say what cluster Run is to run.
type Settings struct {
	Program string // of the nodes: Sockeye
	Nodes   int
	Listen  string // host:port of the first node; the others have the ports behind it
	Dir     string // for data and logs, used again; empty: a temporary one, which goes with the cluster
	Redis   Wanted
	// Balancer is which one is to stand before the nodes, at the port before that of the first.
	Balancer Wanted
}

// Wanted says whether a part is to be there.
type Wanted string

// The ways to want a part.
const (
	On   Wanted = "on"
	Off  Wanted = "off"
	Auto Wanted = "auto" // if the machine has it

	// Of balancers, which one.
	Nginx   Wanted = "nginx"
	HAProxy Wanted = "haproxy"
)
