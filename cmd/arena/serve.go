package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis/checkpoint"
	"transcend/cmd/arena/internal/checkpoints"
	"transcend/cmd/arena/internal/players"
	"transcend/cmd/arena/internal/web"
	"transcend/elo/leaderboard"
	"transcend/internal/cli"
)

const serveHelp = `Show the leaderboard and its games in a browser, filling in while arenas play.

usage: arena serve [--db FILE] [--listen ADDRESS]

The database is only read; any number of arenas may write to it meanwhile. The
pages need no network, and can be used by keyboard: in a game the arrow keys step,
Home and End jump. What a model would have played is asked of its checkpoint, which
is looked for by the hash of its weights below the directories of --models.

The server listens on this machine only. To show it to others, give --listen an
address they can reach, and --host every name they will use. Anybody who can reach
it can read the whole database; there is no password.

examples:
  arena serve
  arena serve --db results.db --listen localhost:9000
  arena serve --models runs,/data/models
  arena serve --listen 0.0.0.0:8017 --host arena.example.org

flags:
`

// webFlags are the flags of the commands that show a database.
type webFlags struct {
	db, anchors *string
	models      *[]string
	title       *string
}

func addWebFlags(fs *pflag.FlagSet) webFlags {
	return webFlags{
		db:      fs.String("db", "arena.db", "the leaderboard, an SQLite database"),
		anchors: fs.String("anchors", "", "strengths of the engines' levels, by name (default: by the engine's version)"),
		models:  fs.StringSlice("models", []string{checkpoint.RunsDir}, "directories in which models are looked for, up to three levels deep"),
		title:   fs.String("title", "", "what to call the database on the pages (default: its file name)"),
	}
}

// site opens what the flags name. The caller closes the store.
func (f webFlags) site(hosts []string) (*web.Site, *leaderboard.Store, *checkpoints.Finder, error) {
	by, err := players.Anchors(*f.anchors)
	if err != nil {
		return nil, nil, nil, err
	}
	models, err := checkpoints.New(*f.models)
	if err != nil {
		return nil, nil, nil, err
	}
	store, err := leaderboard.OpenReadOnly(*f.db)
	if err != nil {
		return nil, nil, nil, err
	}
	site, err := web.New(web.Options{Store: store, Title: *f.title, Anchors: by, Models: models, Hosts: hosts})
	if err != nil {
		store.Close()
		return nil, nil, nil, err
	}
	return site, store, models, nil
}

// serve is the subcommand "serve".
func serve(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	fs := cli.FlagSet(program + " serve")
	flags := addWebFlags(fs)
	listen := fs.String("listen", "localhost:8017", "address and port; port 0 takes any that is free")
	hosts := fs.StringSlice("host", nil, "further names under which visitors may ask for the pages")
	quiet := fs.BoolP("quiet", "q", false, "do not print the address")
	err := cli.Parse(fs, args, stdout, cli.Help(fs, serveHelp, ""))
	if err != nil {
		return err
	}
	if err := cli.NoArguments(fs, "db"); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(*listen); err != nil {
		return cli.WithHint(cli.Usagef("--listen %s: %w", *listen, err), "an address is HOST:PORT, like localhost:8017 or 0.0.0.0:8017")
	}
	// The name that visitors are told to use is one that they may use.
	name, _, _ := net.SplitHostPort(*listen)
	if hostname, err := os.Hostname(); err == nil && !isLoopback(name) {
		*hosts = append(*hosts, hostname)
	}
	if name != "" {
		*hosts = append(*hosts, name)
	}
	site, store, models, err := flags.site(*hosts)
	if err != nil {
		return err
	}
	defer store.Close()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", *listen)
	if err != nil {
		return cli.WithHint(fmt.Errorf("listening on %s: %w", *listen, err), "another program may have the port: name one with --listen localhost:PORT, or 0 for any")
	}
	var complaining sync.Mutex // handlers run at once
	server := web.NewServer(site, func(err error) {
		complaining.Lock()
		defer complaining.Unlock()
		fmt.Fprintf(stderr, "%s: warning: %v\n", program, err)
	})
	if !*quiet {
		fmt.Fprintf(stdout, "%s is at http://%s/  (stop with Ctrl-C)\n", store.Path(), address(listener, name))
	}
	if !isLoopback(name) && !*quiet {
		fmt.Fprintf(stderr, "%s: anybody who can reach %s can read the whole database\n", program, listener.Addr())
	}

	var looking sync.WaitGroup
	scanning, stopScanning := context.WithCancel(ctx)
	defer looking.Wait()
	defer stopScanning()
	looking.Go(func() {
		if players, err := store.Players(scanning); err == nil {
			models.LookFor(scanning, players)
		}
	})
	return serveUntil(ctx, server, listener)
}

// serveUntil serves until ctx is done, which is no error.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		// Pages are quick; a question to a model ends with its request.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
		err = <-served
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil // stopping is how it ends
	}
	return err
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// address is what to type into a browser on this machine.
func address(l net.Listener, host string) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
