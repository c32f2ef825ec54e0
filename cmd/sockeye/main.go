// Command sockeye is the chat server. See `sockeye --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sockeye-im/sockeye/cmd/sockeye/cli"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/media/worker"
)

// version is set by the linker (-X main.version=…).
var version = "dev"

func main() {
	if worker.Called(os.Args) { // by a server, for a file of a stranger: it reads no settings
		os.Exit(worker.Main(os.Args))
	}
	ctx, end := context.WithCancel(context.Background())
	signalled, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly stop, which begins once the handler is given up: a second one ends the process
	// at once.
	context.AfterFunc(signalled, func() { stop(); end() })
	os.Exit(cli.Program{
		Serve:    app.Run,
		Accounts: app.OpenAccounts,
		Secret:   app.KnownSecret,
		Backup:   app.Backup,
		Restore:  app.Restore,
		Migrate:  app.Migrate,
		Doctor:   app.Doctor,
		Version:  version,
		Stdin:    os.Stdin,
		Stdout:   os.Stdout,
		Stderr:   os.Stderr,
		Lookup:   os.LookupEnv,
		Environ:  os.Environ(),
	}.Run(ctx, os.Args[1:]))
}
