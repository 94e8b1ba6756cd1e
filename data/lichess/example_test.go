package lichess_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/klauspost/compress/zstd"

	"transcend/data/lichess"
	"transcend/pgn"
)

// The months of a range are read one after the other, and no more of them than is
// needed.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, _ := zstd.NewWriter(w)
		fmt.Fprint(e, "[Site \"first\"]\n\n1. e4 e5 1-0\n\n[Site \"second\"]\n\n1. d4 d5 0-1\n")
		e.Close()
	}))
	defer server.Close()

	months, err := lichess.ParseMonths("2023-01..2023-10", time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	cfg := lichess.Config{
		BaseURL: server.URL,
		Notify: func(e lichess.Event) {
			if e.Kind == lichess.Retrying {
				fmt.Println(e)
			}
		},
	}
	wanted := 3
	read := func(month lichess.Month) error {
		s, err := lichess.Open(ctx, month, cfg)
		if err != nil {
			return err
		}
		defer s.Close()
		r, err := pgn.NewReader(s.Name(), s)
		if err != nil {
			return err
		}
		defer r.Close()
		defer s.Close() // before r.Close: it ends a decoder's wait for the network
		for wanted > 0 && r.Scan() {
			fmt.Println(month, r.Game().Tag("Site"))
			wanted--
		}
		if err := r.Err(); err != nil {
			s.Damaged()
			return err
		}
		return nil
	}
	for _, month := range months {
		if err := read(month); err != nil {
			fmt.Println(err)
			return
		}
		if wanted == 0 {
			break
		}
	}
	fmt.Println("enough")
	// Output:
	// 2023-01 first
	// 2023-01 second
	// 2023-02 first
	// enough
}
