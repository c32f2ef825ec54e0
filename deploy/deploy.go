// Package deploy has configurations of balancers that stand before several servers, as they are shipped: those who run Sockeye copy
// them, and the tests and the cluster for trying run them with other addresses in them.
package deploy

import (
	_ "embed" // for the files
	"regexp"
	"strconv"
	"strings"
)

//go:embed nginx/sockeye.conf
var nginx string

//go:embed haproxy/haproxy.cfg
var haproxy string

// Nginx is nginx/sockeye.conf for these servers, each as host:port; it belongs into nginx's http block. It listens at listen.
func Nginx(listen string, servers []string) string {
	return strings.Replace(forServers(nginx, servers), "listen 80;", "listen "+listen+";", 1)
}

// HAProxy is haproxy/haproxy.cfg for these servers, each as host:port. It listens at listen.
func HAProxy(listen string, servers []string) string {
	return strings.Replace(forServers(haproxy, servers), "bind :80\n", "bind "+listen+"\n", 1)
}

// first is the address that the files have for the first server, and others finds those for the others.
const first = "10.0.0.11:3000"

var others = regexp.MustCompile(`(?m)^.*10\.0\.0\.1[23]:3000.*\n`)

// forServers repeats each line of the first server for all, which have numbers in their names.
func forServers(text string, servers []string) string {
	var b strings.Builder
	for line := range strings.Lines(others.ReplaceAllString(text, "")) {
		if !strings.Contains(line, first) {
			b.WriteString(line)
			continue
		}
		for i, server := range servers {
			b.WriteString(strings.NewReplacer(first, server, "node1", "node"+strconv.Itoa(i+1)).Replace(line))
		}
	}
	return b.String()
}
