package program

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
)

var loopbacks atomic.Uint32

// Loopback returns an address of this machine, such as 127.70.3.1, that nothing else uses, for servers that end and come
// back on the same port: on 127.0.0.1 somebody else could be given that port meanwhile. Systems other than Linux have no
// other than that.
func Loopback() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	process, number := os.Getpid(), loopbacks.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 64+process&63, process>>6&255, 1+number%254)
}
