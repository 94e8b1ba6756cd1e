package lichess

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

var november = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func TestParseMonths(t *testing.T) {
	tests := []struct {
		text string
		want string // months, or a part of the error after "!"
	}{
		{"2023-01", "2023-01"},
		{"2023-01..2023-01", "2023-01"},
		{"2023-10..2024-02", "2023-10 2023-11 2023-12 2024-01 2024-02"},
		{"2013-01", "2013-01"},
		{"2026-11", "2026-11"},
		{"2012-12", "!the database begins with 2013-01"},
		{"0000-01", "!begins with"},
		{"2026-12", "!2026-12 is in the future: now it is 2026-11"},
		{"9999-12", "!in the future"},
		{"2023-00", "!there is no month 0"},
		{"2023-13", "!there is no month 13"},
		{"2023-05..2023-04", "!the range goes backward: write 2023-04..2023-05"},
		{"2013-01..2023-10", "!130 months are more than the 120"},
		{"2023-01..", `!"" is not a month`},
		{"..2023-01", `!"" is not a month`},
		{"..", "!is not a month"},
		{"2023-01..2023-02..2023-03", "!is not a month"},
		{"2023-01...2023-02", "!is not a month"},
		{"", "!is not a month: write 2023-01"},
		{"2023", "!is not a month"},
		{"2023-1", "!is not a month"},
		{"202301-", "!is not a month"},
		{"2023/01", "!is not a month"},
		{"2023-+1", "!is not a month"},
		{"+023-01", "!is not a month"},
		{" 2023-01", "!is not a month"},
		{"２023-01", "!is not a month"},
		{strings.Repeat("2023-01", 1000), "!..."},
	}
	for _, test := range tests {
		months, err := ParseMonths(test.text, november)
		if want, fails := strings.CutPrefix(test.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 {
				t.Errorf("%.50q: %v, want an error with %q", test.text, err, want)
			}
			continue
		}
		if got := fmt.Sprint(months); err != nil || got != "["+test.want+"]" {
			t.Errorf("%q: %s, %v, want %s", test.text, got, err, test.want)
		}
	}
	if months, err := ParseMonths("2013-01..2022-12", november); err != nil || len(months) != 120 {
		t.Errorf("ten years: %d months, %v", len(months), err)
	}
	// It is still November in UTC.
	west := time.Date(2026, 10, 31, 23, 0, 0, 0, time.FixedZone("west", -5*3600))
	if _, err := ParseMonths("2026-11", west); err != nil {
		t.Errorf("the first hours of a month: %v", err)
	}
}

func TestFileName(t *testing.T) {
	if got := (Month{2013, 1}).FileName(); got != "lichess_db_standard_rated_2013-01.pgn.zst" {
		t.Error(got)
	}
}

func TestParseContentRange(t *testing.T) {
	good := map[string]contentRange{
		"bytes 0-0/1":           {0, 0, 1},
		"bytes 5-9/10":          {5, 9, 10},
		"Bytes 5-9/*":           {5, 9, -1},
		"bytes */10":            {-1, -1, 10},
		"bytes 7-7/99999999999": {7, 7, 99999999999},
	}
	for s, want := range good {
		if got, ok := parseContentRange(s); !ok || got != want {
			t.Errorf("%q: %v, %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{
		"", "bytes", "bytes ", "bytes 5-9", "5-9/10", "lines 5-9/10", "bytes 9-5/10", "bytes 5-10/10", "bytes */*",
		"bytes -5-9/10", "bytes 5-/10", "bytes -9/10", "bytes 5-9/", "bytes 5-9/-1", "bytes  5-9/10", "bytes 5-9/10 ",
		"bytes=5-9/10", "bytes 0x5-9/10", "bytes 5-9/9999999999999999999", "bytes 18446744073709551617-9/10", "bytes 5-9-10/20",
	} {
		if got, ok := parseContentRange(s); ok {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-1": 0, "1.5": 0, "1e9": 0, "soon": 0, " 5": 0,
		"99999999999999":                1 << 32 * time.Second,
		"Sat, 21 Nov 2026 03:00:30 GMT": 30 * time.Second,
		"Sat, 21 Nov 2026 02:00:30 GMT": 0,
		"Fri, 31 Dec 9999 23:59:59 GMT": 1<<63 - 1,
	} {
		if got := retryAfter(http.Header{"Retry-After": {s}}, november); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

func TestFindSum(t *testing.T) {
	const name = "lichess_db_standard_rated_2023-01.pgn.zst"
	sum := strings.Repeat("0a", 32)
	other := strings.Repeat("0b", 32)
	tests := []struct {
		name, list, want, err string
	}{
		{"text mode", sum + "  " + name + "\n", sum, ""},
		{"binary mode", sum + " *" + name + "\n", sum, ""},
		{"no line end", sum + "  " + name, sum, ""},
		{"upper case, DOS", strings.ToUpper(sum) + "  " + name + "\r\n", sum, ""},
		{"among others", other + "  lichess_db_standard_rated_2023-02.pgn.zst\n\n#\n" + sum + "  ./" + name + "\n" + other + "  x\n", sum, ""},
		{"twice", sum + "  " + name + "\n" + sum + "  " + name, sum, ""},
		{"twice, different", sum + "  " + name + "\n" + other + "  " + name, "", "two different lines"},
		{"none", other + "  lichess_db_standard_rated_2023-02.pgn.zst\n", "", "no line"},
		{"longer name", sum + "  " + name + ".torrent", "", "no line"},
		{"in a folder", sum + "  variant/" + name, "", "no line"},
		{"empty", "", "", "no line"},
		{"no sum", "  " + name, "", "no SHA-256"},
		{"MD5", sum[:32] + "  " + name, "", "no SHA-256"},
		{"not hexadecimal", "x" + sum[1:] + "  " + name, "", "no SHA-256"},
		{"web page", "<html><body>lichess_db_standard_rated_2023-01.pgn.zst</body>", "", "no line"},
	}
	for _, test := range tests {
		got, err := findSum([]byte(test.list), name)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

func TestCheckMagic(t *testing.T) {
	for s, want := range map[string]bool{
		"\x28\xb5\x2f\xfd rest": true, "\x50\x2a\x4d\x18": true, "\x5f\x2a\x4d\x18\x00": true,
		"[Event": false, "\x28\xb5\x2f\xfc": false, "\x60\x2a\x4d\x18": false, "\x1f\x8b\x08": false, "<": false,
	} {
		if err := checkMagic([]byte(s), 0); (err == nil) != want {
			t.Errorf("%q: %v", s, err)
		}
		ok := true
		for i := range len(s) {
			ok = ok && checkMagic([]byte(s[i:i+1]), int64(i)) == nil
		}
		if ok != want {
			t.Errorf("%q byte by byte: %v", s, ok)
		}
	}
	if err := checkMagic([]byte("anything"), 4); err != nil {
		t.Error(err)
	}
}

func TestEventString(t *testing.T) {
	e := Event{Month: january, Offset: 5, Size: 10, Err: ErrStalled, Try: 1, Tries: 3, Wait: 1234 * time.Millisecond, Path: "d/f"}
	for kind, want := range map[EventKind]string{
		Retrying:   "the server sends nothing; trying again in 1.2s (failure 1 of 3, at byte 5 of 10)",
		Resumed:    "going on after the part in d/f (at byte 5 of 10)",
		Restarted:  "fetching it from the start, the part in d/f is of no use: the server sends nothing",
		Rereading:  "the server does not resume: fetching the first 5 bytes again",
		Verified:   "checksum verified, kept as d/f",
		Unverified: "warning: the checksum was not verified: the server sends nothing; kept as d/f",
		99:         "EventKind(99)",
	} {
		e.Kind = kind
		if got := e.String(); got != january.FileName()+": "+want {
			t.Errorf("%v: %s", kind, got)
		}
	}
	e = Event{Kind: Retrying, Month: january, Size: -1, Err: ErrStalled}
	if got := e.String(); !strings.Contains(got, "byte 0 of a file of unknown size") {
		t.Error(got)
	}
}

func FuzzParseMonths(f *testing.F) {
	for _, s := range []string{"2023-01", "2023-01..2023-10", "2013-01..2026-11", "9999-12", "..", "2023-1-..2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		months, err := ParseMonths(s, november)
		if err != nil {
			if len(months) != 0 {
				t.Error("months with an error")
			}
			return
		}
		// What was read prints to the same months.
		if len(months) == 0 || len(months) > maxMonths {
			t.Fatalf("%d months", len(months))
		}
		again, err := ParseMonths(months[0].String()+".."+months[len(months)-1].String(), november)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(months) {
			t.Errorf("%v, %v", again, err)
		}
		for _, m := range months {
			if err := m.check(november); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add("bytes 0-9/10", "120", strings.Repeat("0a", 32)+"  x", `{"url":"u","etag":"e","size":7}`)
	f.Add("bytes */10", "Sat, 21 Nov 2026 03:00:30 GMT", "x\n\nx *x", `{"size":-1}`)
	f.Fuzz(func(t *testing.T, cr, after, list, info string) {
		if r, ok := parseContentRange(cr); ok {
			if r.first < -1 || r.last < r.first || r.total < -1 || r.total >= 0 && r.last >= r.total {
				t.Errorf("%q: %+v", cr, r)
			}
		}
		if d := retryAfter(http.Header{"Retry-After": {after}}, november); d < 0 {
			t.Errorf("%q: %v", after, d)
		}
		if sum, err := findSum([]byte(list), "x"); err == nil && len(sum) != 64 {
			t.Errorf("%q: %q", list, sum)
		}
		if i, err := parseInfo([]byte(info)); err == nil && (i.Size < -1 || i.Size > maxFile) {
			t.Errorf("%q: %+v", info, i)
		}
	})
}
