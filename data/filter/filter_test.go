package filter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"transcend/internal/bitboard"
	"transcend/internal/golden"
	"transcend/internal/realgames"
	"transcend/pgn"
	"transcend/pgn/pgntest"
)

// read returns how many games of a text are kept, and the report about them.
func read(t *testing.T, text string, f Filter) (games int, r Report) {
	t.Helper()
	r, err := Read(t.Context(), pgntest.Reader(t, text), f, func(*pgn.Game) error { games++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return games, r
}

const fourPlies = "1. e4 e5 2. Nf3 Nc6 1-0"

func TestRules(t *testing.T) {
	capped := Filter{MaxElo: 1500}
	both := func(white, black string) []string { return []string{"WhiteElo " + white, "BlackElo " + black} }
	for name, test := range map[string]struct {
		f    Filter
		pgn  string
		rule string // "": kept; "broken"
	}{
		"everything":                  {Filter{}, pgntest.Game(fourPlies), ""},
		"no rating, no rule":          {Filter{}, pgntest.Game(fourPlies, "WhiteElo 900"), ""},
		"at the cap":                  {capped, pgntest.Game(fourPlies, both("1500", "1500")...), ""},
		"white above":                 {capped, pgntest.Game(fourPlies, both("1501", "800")...), RuleMaxElo},
		"black above":                 {capped, pgntest.Game(fourPlies, both("800", "1501")...), RuleMaxElo},
		"mean below, maximum above":   {capped, pgntest.Game(fourPlies, both("900", "1600")...), RuleMaxElo},
		"no white":                    {capped, pgntest.Game(fourPlies, "BlackElo 800"), RuleNoRating},
		"black unknown":               {capped, pgntest.Game(fourPlies, both("800", "?")...), RuleNoRating},
		"zero":                        {capped, pgntest.Game(fourPlies, both("0", "800")...), RuleNoRating},
		"provisional":                 {capped, pgntest.Game(fourPlies, both("1400?", "800")...), ""},
		"floor needs ratings":         {Filter{MinElo: 1000}, pgntest.Game(fourPlies), RuleNoRating},
		"at the floor":                {Filter{MinElo: 1000}, pgntest.Game(fourPlies, both("1000", "1000")...), ""},
		"one below the floor":         {Filter{MinElo: 1000}, pgntest.Game(fourPlies, both("2000", "999")...), RuleMinElo},
		"white below the floor":       {Filter{MinElo: 1000}, pgntest.Game(fourPlies, both("999", "2000")...), RuleMinElo},
		"cap before floor":            {Filter{MaxElo: 1500, MinElo: 1000}, pgntest.Game(fourPlies, both("2000", "999")...), RuleMaxElo},
		"variant":                     {capped, pgntest.Game(fourPlies, "Variant Atomic"), RuleVariant},
		"standard variant":            {Filter{}, pgntest.Game(fourPlies, "Variant Standard"), ""},
		"variant before rating":       {capped, pgntest.Game(fourPlies, append(both("1", "2000"), "Variant Chess960")...), RuleVariant},
		"setup":                       {Filter{}, pgntest.Game("1. Ke2 *", "SetUp 1", "FEN 4k3/8/8/8/8/8/8/4K3 w - - 0 1"), RuleSetup},
		"FEN without SetUp":           {Filter{}, pgntest.Game("1. Ke2 *", "FEN 4k3/8/8/8/8/8/8/4K3 w - - 0 1"), RuleSetup},
		"FEN of the start":            {Filter{}, pgntest.Game(fourPlies, "SetUp 1", "FEN rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"), ""},
		"FEN switched off":            {Filter{}, pgntest.Game(fourPlies, "SetUp 0", "FEN 4k3/8/8/8/8/8/8/4K3 w - - 0 1"), ""},
		"start without castling":      {Filter{}, pgntest.Game(fourPlies, "SetUp 1", "FEN rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w - - 0 1"), RuleSetup},
		"unfinished":                  {Filter{}, pgntest.Game("1. e4 *", "Result *"), RuleResult},
		"no result at all":            {Filter{}, pgntest.Game("1. e4"), RuleResult},
		"result in the movetext":      {Filter{}, pgntest.Game(fourPlies, "Result *"), ""},
		"unfinished and weak":         {capped, pgntest.Game("1. e4 *", both("1600", "1600")...), RuleMaxElo},
		"enough plies":                {Filter{MinPlies: 4}, pgntest.Game(fourPlies), ""},
		"too few plies":               {Filter{MinPlies: 5}, pgntest.Game(fourPlies), RuleMinPlies},
		"no move":                     {Filter{}, pgntest.Game("0-1"), RuleMinPlies},
		"illegal":                     {Filter{}, pgntest.Game("1. e4 e5 2. Ke3 1-0"), "broken"},
		"illegal in a dropped game":   {capped, pgntest.Game("1. e4 e5 2. Ke3 1-0", both("1600", "1")...), RuleMaxElo},
		"SetUp without FEN is broken": {Filter{}, pgntest.Game(fourPlies, "SetUp 1"), "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			// Neighbors that are kept by every filter here.
			good := pgntest.Game("1. d4 d5 2. c4 c6 3. Nf3 Nf6 0-1", both("1200", "1200")...)
			games, report := read(t, good+test.pgn+good, test.f)
			kept, dropped, examples := 2, 0, 0
			for _, d := range report.Dropped {
				dropped += d.Count
				examples += len(d.Examples)
				if d.Count > 0 && d.Rule != test.rule {
					t.Errorf("dropped by %s, want %q", d.Rule, test.rule)
				}
			}
			switch test.rule {
			case "":
				kept = 3
			case "broken":
				if report.Errors != 1 || len(report.Broken) != 1 || report.Broken[0].Game != 2 || report.Broken[0].Why == "" {
					t.Errorf("broken games: %d %+v", report.Errors, report.Broken)
				}
			default:
				if dropped != 1 || examples != 1 {
					t.Fatalf("dropped %d, examples %d", dropped, examples)
				}
				if report.DroppedBy(test.rule) != 1 {
					t.Errorf("DroppedBy(%s) = %d", test.rule, report.DroppedBy(test.rule))
				}
				for _, d := range report.Dropped {
					for _, e := range d.Examples {
						if e.File != "games.pgn" || e.Game != 2 || e.Why == "" {
							t.Errorf("example %+v", e)
						}
					}
				}
			}
			if report.Seen != 3 || report.Kept != kept || games != kept || report.Kept+report.Errors+dropped != report.Seen {
				t.Errorf("%+v", report)
			}
		})
	}
}

func TestDuplicates(t *testing.T) {
	a := pgntest.Game(fourPlies, "WhiteElo 900", "BlackElo 901", "Site one")
	b := pgntest.Game(fourPlies, "WhiteElo 900", "BlackElo 901", "Site two")
	other := pgntest.Game(fourPlies, "WhiteElo 900", "BlackElo 902")
	text := a + b + other + a
	for _, drop := range []bool{false, true} {
		games, report := read(t, text, Filter{DropDuplicates: drop})
		want := 4
		if drop {
			want = 2
			if report.DroppedBy(RuleDuplicate) != 2 {
				t.Errorf("%+v", report)
			}
		}
		if games != want {
			t.Errorf("drop %v: %d games, want %d", drop, games, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, f := range []Filter{
		{MaxElo: -1}, {MinElo: -1}, {MinPlies: -1}, {MaxElo: 1000, MinElo: 1001},
		{RatingBand: Band{1000, 900}}, {RatingBand: Band{0, 900}}, {RatingBand: Band{900, 10000}}, {RatingBand: Band{-1, -1}},
		{RatingBand: Band{1000, 1100}, MaxElo: 999}, {RatingBand: Band{1000, 1100}, MinElo: 1101},
		{Speeds: []Speed{"fast"}}, {Speeds: []Speed{Blitz, ""}}, {Speeds: []Speed{"Blitz"}},
		{Terminations: []string{"normal", " "}}, {Results: []string{"*"}}, {Results: []string{"1-0", "white"}},
		{Since: "June"}, {Until: "2018.13"}, {Since: "2018.06.32"}, {Since: "18.06"}, {Until: "????.06"}, {Since: "2018.06.01.01"}, {Since: "2018..01"},
		{Since: "2018.07", Until: "2018.06"}, {Since: "2018.06.02", Until: "2018.06.01"}, {Player: "  "},
	} {
		if _, err := Read(t.Context(), pgntest.Reader(t, ""), f, nil); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

// The header of a game as Lichess's months have it, for every rule about tags.
func lichess(change ...string) string {
	tags := []string{
		"Event Rated Blitz tournament https://lichess.org/tournament/yc1WW2Ox", "Site https://lichess.org/PpwPOZMq", "Date 2017.04.01", "Round -",
		"White Abbot", "Black Costello", "Result 0-1", "UTCDate 2017.04.01", "UTCTime 11:32:01", "WhiteElo 2100", "BlackElo 2000",
		"WhiteRatingDiff -4", "BlackRatingDiff +1", "WhiteTitle FM", "ECO B30", "Opening Sicilian Defense: Old Sicilian", "TimeControl 300+0", "Termination Time forfeit",
	}
	for _, c := range change {
		name, _, _ := strings.Cut(c, " ")
		tags = slices.DeleteFunc(tags, func(t string) bool { return strings.HasPrefix(t, name+" ") })
		if c != name {
			tags = append(tags, c)
		}
	}
	var b strings.Builder
	for _, tag := range tags {
		name, value, _ := strings.Cut(tag, " ")
		fmt.Fprintf(&b, "[%s %q]\n", name, value)
	}
	return b.String() + "\n1. e4 { [%eval 0.17] [%clk 0:05:00] } 1... c5 { [%eval 0.19] [%clk 0:05:00] } 2. Nf3 0-1\n\n"
}

func TestTagRules(t *testing.T) {
	band := Filter{RatingBand: Band{2000, 2100}}
	blitz := Filter{Speeds: []Speed{Rapid, Blitz}}
	rated := Filter{RatedOnly: true}
	humans := Filter{NoBots: true}
	forfeit := Filter{Terminations: []string{"normal", "time-forfeit"}}
	june := Filter{Since: "2018.06", Until: "2018.06"}
	abbot := Filter{Player: "ABBOT"}
	lost := Filter{Results: []string{"0-1", "1/2-1/2"}}
	for name, test := range map[string]struct {
		f    Filter
		pgn  string
		rule string // "": kept
		why  string // part of the example
	}{
		"everything": {Filter{}, lichess(), "", ""},

		"in the band":        {band, lichess(), "", ""},
		"white above":        {band, lichess("WhiteElo 2101"), RuleRatingBand, "2101 and 2000"},
		"black below":        {band, lichess("BlackElo 1999"), RuleRatingBand, "2100 and 1999"},
		"band, no rating":    {band, lichess("BlackElo"), RuleNoRating, `""`},
		"cap before band":    {Filter{MaxElo: 2050, RatingBand: Band{1900, 2100}}, lichess(), RuleMaxElo, ""},
		"band before speed":  {Filter{Speeds: []Speed{Bullet}, RatingBand: Band{1900, 2000}}, lichess(), RuleRatingBand, ""},
		"one speed of two":   {blitz, lichess(), "", ""},
		"other speed":        {blitz, lichess("TimeControl 60+0"), RuleSpeed, "bullet"},
		"correspondence":     {blitz, lichess("TimeControl -"), RuleSpeed, "correspondence"},
		"kept for its speed": {Filter{Speeds: []Speed{Correspondence}}, lichess("TimeControl -"), "", ""},
		"unknown speed":      {blitz, lichess("TimeControl ?"), RuleSpeed, "unknown"},
		"no time control":    {blitz, lichess("TimeControl"), RuleSpeed, "unknown"},

		"rated tournament": {rated, lichess(), "", ""},
		"rated game":       {rated, lichess("Event Rated Blitz game"), "", ""},
		"lower case":       {rated, lichess("Event rated blitz game"), "", ""},
		"swiss":            {rated, lichess("Event Rated Rapid swiss https://lichess.org/swiss/abcdefgh"), "", ""},
		"casual":           {rated, lichess("Event Casual Blitz game"), RuleCasual, "Casual Blitz game"},
		"FICS, unrated":    {rated, lichess("Event FICS unrated blitz game"), RuleCasual, ""},
		"FICS, rated":      {rated, lichess("Event FICS rated blitz game"), "", ""},
		"not said":         {rated, lichess("Event Hourly Blitz Arena"), RuleCasual, ""},
		"inside a word":    {rated, lichess("Event Celebrated games"), RuleCasual, ""},
		"no event":         {rated, lichess("Event"), RuleCasual, ""},

		"humans":          {humans, lichess(), "", ""},
		"white is a bot":  {humans, lichess("WhiteTitle BOT"), RuleBot, `WhiteTitle "BOT"`},
		"black is a bot":  {humans, lichess("BlackTitle BOT"), RuleBot, `BlackTitle "BOT"`},
		"a program":       {humans, lichess("BlackType program"), RuleBot, "BlackType"},
		"the computer":    {humans, lichess("Black lichess AI level 3"), RuleBot, "level 3"},
		"a name with bot": {humans, lichess("White Abbot"), "", ""},

		"termination":       {forfeit, lichess(), "", ""},
		"other case":        {forfeit, lichess("Termination Normal"), "", ""},
		"underscores":       {Filter{Terminations: []string{"Rules_Infraction"}}, lichess("Termination Rules infraction"), "", ""},
		"other termination": {forfeit, lichess("Termination Abandoned"), RuleTermination, "Abandoned"},
		"part of another":   {forfeit, lichess("Termination Normally"), RuleTermination, ""},
		"no termination":    {forfeit, lichess("Termination"), RuleTermination, ""},

		"in June":              {june, lichess("UTCDate 2018.06.30"), "", ""},
		"the first of June":    {june, lichess("UTCDate 2018.06.01"), "", ""},
		"in May":               {june, lichess("UTCDate 2018.05.31"), RuleDate, "2018.05.31"},
		"in July":              {june, lichess("UTCDate 2018.07.01"), RuleDate, "2018.07.01"},
		"UTC counts":           {june, lichess("UTCDate 2018.06.30", "Date 2018.07.01"), "", ""},
		"only a date":          {june, lichess("UTCDate", "Date 2018-06-12"), "", ""},
		"unknown UTC":          {june, lichess("UTCDate ????.??.??", "Date 2018.06.12"), "", ""},
		"some day of June":     {june, lichess("UTCDate 2018.06.??"), "", ""},
		"some month":           {june, lichess("UTCDate 2018.??.??"), RuleDate, "2018.??.??"},
		"perhaps after":        {Filter{Until: "2018.06"}, lichess("UTCDate 2018.??.??"), RuleDate, ""},
		"certainly since":      {Filter{Since: "2018"}, lichess("UTCDate 2018.??.??"), "", ""},
		"no date":              {june, lichess("UTCDate", "Date"), RuleDate, `""`},
		"no date, no rule":     {Filter{}, lichess("UTCDate", "Date"), "", ""},
		"until a day":          {Filter{Until: "2017-04-01"}, lichess(), "", ""},
		"until the day before": {Filter{Until: "2017-03-31"}, lichess(), RuleDate, ""},
		"since the next day":   {Filter{Since: "2017.04.02"}, lichess(), RuleDate, ""},
		"no such date":         {june, lichess("UTCDate 2018.06.99"), RuleDate, ""},

		"plays White":      {abbot, lichess(), "", ""},
		"plays Black":      {abbot, lichess("White Costello", "Black abbot"), "", ""},
		"does not play":    {abbot, lichess("White Abbott"), RulePlayer, `"Abbott" and "Costello"`},
		"name with quotes": {Filter{Player: `the "one"`}, lichess(`Black the "One"`), "", ""},

		"result":                 {lost, lichess(), "", ""},
		"other result":           {lost, lichess("Result 1-0"), RuleOtherResult, "1-0"},
		"result in the movetext": {lost, lichess("Result *"), "", ""},
		"movetext, other":        {Filter{Results: []string{"1-0"}}, lichess("Result"), RuleOtherResult, "0-1"},
		"unfinished":             {Filter{Results: []string{"1-0"}}, pgntest.Game("1. e4 *", "Result *"), RuleResult, ""},

		"all of them": {Filter{MaxElo: 2100, MinElo: 2000, RatingBand: Band{2000, 2100}, Speeds: []Speed{Blitz}, RatedOnly: true, NoBots: true, Terminations: []string{"time forfeit"},
			Since: "2017", Until: "2017.04", Player: "costello", Results: []string{"0-1"}, MinPlies: 3, DropDuplicates: true}, lichess(), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			// After a game that is neither kept nor dropped.
			games, report := read(t, pgntest.Game("1. e5 *")+test.pgn, test.f)
			for _, d := range report.Dropped {
				switch {
				case d.Rule != test.rule && d.Count > 0 && !slices.ContainsFunc(d.Examples, func(e Example) bool { return e.Game == 1 }):
					t.Errorf("dropped by %s: %+v", d.Rule, d.Examples)
				case d.Rule == test.rule:
					last := d.Examples[len(d.Examples)-1]
					if d.Meaning == "" || last.Game != 2 || !strings.Contains(last.Why, test.why) || last.Why == "" {
						t.Errorf("%+v, want an example with %q", d, test.why)
					}
				}
			}
			if games != 1 && test.rule == "" || games != 0 && test.rule != "" {
				t.Errorf("%d games kept\n%s", games, report.Verbose())
			}
			if err := test.f.Validate(); err != nil {
				t.Error(err)
			}
			// A filter comes back from a corpus's provenance as it was.
			var back Filter
			if b, err := json.Marshal(test.f); err != nil || json.Unmarshal(b, &back) != nil || !reflect.DeepEqual(back, test.f) {
				t.Errorf("%v: %s is %+v, want %+v", err, b, back, test.f)
			}
		})
	}
}

// A filter as older versions stored it is still the same, and one without limits
// takes no room.
func TestJSON(t *testing.T) {
	for f, want := range map[*Filter]string{
		{}: `{}`,
		{MaxElo: 1500, MinElo: 1, MinPlies: 2, DropDuplicates: true}: `{"max_elo":1500,"min_elo":1,"min_plies":2,"drop_duplicates":true}`,
		{RatingBand: Band{800, 1000}, Speeds: []Speed{Blitz}}:        `{"rating_band":{"min":800,"max":1000},"speeds":["blitz"]}`,
	} {
		if got, err := json.Marshal(f); err != nil || string(got) != want {
			t.Errorf("%s %v, want %s", got, err, want)
		}
	}
}

// Rules about tags cost no memory, whether they drop or not.
func TestTagRulesDoNotAllocate(t *testing.T) {
	f := Filter{MaxElo: 2500, MinElo: 1000, RatingBand: Band{1000, 2500}, Speeds: []Speed{Rapid, Blitz}, RatedOnly: true, NoBots: true,
		Terminations: []string{"normal", "time forfeit"}, Since: "2015", Until: "2019.06", Player: "Costello", Results: []string{"0-1"}}
	long := strings.Repeat("x", 300)
	text := lichess() + lichess("TimeControl 1+0") + lichess("Event "+long) + lichess("BlackTitle BOT") + lichess("Termination "+long) +
		lichess("UTCDate "+long) + lichess("Black "+long) + lichess("Result 1-0") + lichess("WhiteElo 999") + lichess("TimeControl "+long)
	rules := f.rules()
	dropped := map[string]int{}
	r := pgntest.Reader(t, text)
	r.Filter(func(h *pgn.Header) bool {
		for i := range rules {
			if rules[i].header == nil {
				continue
			}
			drop := false
			if n := testing.AllocsPerRun(20, func() { drop = rules[i].header(h) }); n > 0 {
				t.Errorf("game %d: rule %s allocates %v times", h.Number, rules[i].name, n)
			}
			if drop {
				dropped[rules[i].name]++
			}
		}
		return false
	})
	for r.Scan() {
	}
	for _, rule := range []string{RuleMinElo, RuleRatingBand, RuleSpeed, RuleCasual, RuleBot, RuleTermination, RuleDate, RulePlayer, RuleOtherResult} {
		if dropped[rule] == 0 {
			t.Errorf("no game here is for the rule %s", rule)
		}
	}
}

func TestParseBand(t *testing.T) {
	if b, err := ParseBand("800-1000"); err != nil || b != (Band{800, 1000}) || b.String() != "800-1000" {
		t.Errorf("%v %v", b, err)
	}
	for _, s := range []string{"", "800", "-800", "800-", "1000-800", "0-800", "800-10000", "a-b", "800-900-1000", "800–1000"} {
		if b, err := ParseBand(s); err == nil || !strings.Contains(err.Error(), "800-1000") {
			t.Errorf("%q: %v %v", s, b, err)
		}
	}
}

func TestParseSpeed(t *testing.T) {
	for _, s := range Speeds() {
		if got, err := ParseSpeed(strings.ToUpper(string(s))); err != nil || got != s {
			t.Errorf("%v %v", got, err)
		}
	}
	for _, s := range []string{"", "fast", "blitz,rapid"} {
		if got, err := ParseSpeed(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestSpeedOf(t *testing.T) {
	for control, want := range map[string]Speed{
		// The borders of Lichess's rule.
		"29+0": UltraBullet, "30+0": Bullet, "15+0": UltraBullet, "0+1": Bullet, "179+0": Bullet, "60+3": Blitz, "60+2": Bullet, "180+0": Blitz, "479+0": Blitz,
		"480+0": Rapid, "300+5": Rapid, "300+4": Blitz, "1499": Rapid, "1500+0": Classical, "900+15": Classical, "21599+0": Classical, "21600+0": Correspondence,
		"10800+180": Classical, "-": Correspondence, "0+0": UltraBullet, "600": Rapid,
		// Periods.
		"1/86400": Correspondence, "1/259200": Correspondence, "40/7200": Classical, "40/7200:3600": Classical, "20/100:100": Blitz, "60/300": Blitz,
		"20/60:20/60:900": Bullet, "40/5400+30:1800+30": Classical, "20/30+10:30+10": Blitz, "80/100": Bullet,
		// Unknown.
		"": "", "?": "", "*180": "", "5 min": "", "300+": "", "+5": "", "300+5 ": "", "40/": "", "0/300": "", "300:300": "", "/300": "", "300+5+5": "",
		"12345678901": "", "999999999": Correspondence, "300+5:": "", strings.Repeat("1/1:", 30) + "1": "",
	} {
		if got := SpeedOf(control); got != want {
			t.Errorf("%q is %q, want %q", control, got, want)
		}
	}
	if s := SpeedOf("999999999+999999999"); s != Correspondence {
		t.Errorf("the longest is %q", s)
	}
}

// The filter keeps as many real games as a count of the tags with grep and a few
// lines of Python, and the speed of a time control is the one that Lichess wrote
// into Event (but for 15+0, which in tournaments up to 2019 it called bullet).
func TestRealTags(t *testing.T) {
	dir := realgames.Dir(t)
	filters := []Filter{
		{RatingBand: Band{800, 1000}}, {Speeds: []Speed{Blitz, Rapid}}, {RatedOnly: true}, {Terminations: []string{"time-forfeit"}},
		{Since: "2018.06", Until: "2019-02-15"}, {Results: []string{"1/2-1/2"}},
		{MaxElo: 1800, Speeds: []Speed{Blitz, Rapid}, Terminations: []string{"normal"}, Results: []string{"1-0", "0-1"}, RatedOnly: true, NoBots: true},
	}
	for file, want := range map[string][]int{
		"chesscom_misc":                {314, 3698, 0, 0, 0, 182, 0},
		"lichess_2018-06_rating_bands": {9300, 0, 23167, 0, 0, 1020, 0},
		"lichess_db_excerpts":          {11, 2039, 2786, 781, 0, 88, 1192},
		"lichess_kaggle_20k":           {21, 12440, 14310, 1172, 0, 623, 7292},
		"lichess_one_player_37k":       {0, 6720, 33198, 15672, 2279, 1539, 1304},
		"lichess_players_misc":         {7, 4248, 5830, 1585, 0, 328, 1848},
		"lichess_titled":               {0, 722, 9853, 1480, 492, 790, 0},
	} {
		path := filepath.Join(dir, "lichess", file+".pgn.zst")
		for i, f := range filters {
			r, err := pgn.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			report, err := Read(t.Context(), r, f, func(*pgn.Game) error { return nil })
			if err != nil || report.Kept != want[i] || report.Errors != 0 {
				t.Errorf("%s: %+v keeps %d games, want %d (%v)", file, f, report.Kept, want[i], err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		r, err := pgn.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r.Filter(func(h *pgn.Header) bool {
			words := strings.Fields(h.Tag("Event"))
			if len(words) < 3 || words[0] != "Rated" || words[1] == "game" || h.Tag("TimeControl") == "" {
				return false
			}
			got := SpeedOf(h.Tag("TimeControl"))
			want := Speed(strings.ToLower(words[1]))
			if got != want && !(h.Tag("TimeControl") == "15+0" && want == Bullet && words[2] == "tournament" && h.Tag("UTCDate") < "2020") {
				t.Errorf("%s: game %d: %s is %q, Event says %q", file, h.Number, h.Tag("TimeControl"), got, words[1])
			}
			return false
		})
		for r.Scan() {
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// messy has something for every rule.
func messy() string {
	var b strings.Builder
	elo := func(w, bl int) []string {
		return []string{fmt.Sprintf("WhiteElo %d", w), fmt.Sprintf("BlackElo %d", bl)}
	}
	for i := range 1200 {
		b.WriteString(pgntest.Game(fourPlies, elo(900+i%100, 1000+i)...))
	}
	b.WriteString(pgntest.Game("1. e4 e5 2. Ke3 1-0", elo(900, 900)...))
	b.WriteString(pgntest.Game("1. e4 *", elo(900, 900)...))
	b.WriteString(pgntest.Game(fourPlies, append(elo(900, 900), "Variant Horde")...))
	b.WriteString(pgntest.Game("1. e4 1-0", "WhiteElo 1000", "BlackElo ?"))
	b.WriteString(pgntest.Game("1-0", elo(900, 900)...))
	b.WriteString(pgntest.Game(fourPlies, elo(900, 1000)...))
	return b.String()
}

func TestReport(t *testing.T) {
	f := Filter{MaxElo: 1500, MinElo: 800, MinPlies: 2, DropDuplicates: true}
	_, report := read(t, messy(), f)
	j, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "report.txt", report.String())
	golden.Check(t, "report-verbose.txt", report.Verbose())
	golden.Check(t, "report.json", string(j)+"\n")

	var machine struct {
		Seen, Kept, Errors int
		Dropped            map[string]int
	}
	if err := json.Unmarshal(j, &machine); err != nil {
		t.Fatal(err)
	}
	sum := machine.Kept + machine.Errors
	for _, n := range machine.Dropped {
		sum += n
	}
	if machine.Seen != 1206 || sum != machine.Seen {
		t.Errorf("%+v", machine)
	}
	var back Report
	if err := json.Unmarshal(j, &back); err != nil || !reflect.DeepEqual(back, report) {
		t.Errorf("read back: %v\n%+v\n%+v", err, back, report)
	}
	if err := back.UnmarshalJSON([]byte("[]")); err == nil {
		t.Error("an array is a report")
	}
	if s := (Report{}).String(); !strings.Contains(s, "games seen") || strings.Contains(s, "NaN") {
		t.Errorf("the empty report:\n%s", s)
	}
}

func TestReadStops(t *testing.T) {
	errFull := errors.New("disk full")
	n := 0
	report, err := Read(t.Context(), pgntest.Reader(t, messy()), Filter{}, func(*pgn.Game) error {
		if n++; n == 5 {
			return errFull
		}
		return nil
	})
	if !errors.Is(err, errFull) || report.Kept != 5 || report.Seen != 5 {
		t.Errorf("emit's error: %v %+v", err, report)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	report, err = Read(ctx, pgntest.Reader(t, messy()), Filter{}, func(*pgn.Game) error {
		cancel(errFull)
		return nil
	})
	if !errors.Is(err, errFull) || report.Kept != 1 {
		t.Errorf("canceled: %v %+v", err, report)
	}
	// Where every game is dropped by its tags, too.
	ctx, cancel = context.WithCancelCause(t.Context())
	endless := &endlessGames{game: pgntest.Game(fourPlies, "WhiteElo 2000", "BlackElo 2000"), after: 1 << 20, then: func() { cancel(errFull) }}
	r, err := pgn.NewReader("endless", endless)
	if err != nil {
		t.Fatal(err)
	}
	report, err = Read(ctx, r, Filter{MaxElo: 1000}, func(*pgn.Game) error { return nil })
	if !errors.Is(err, errFull) || report.Kept != 0 || report.Seen != report.DroppedBy(RuleMaxElo) || report.Seen == 0 {
		t.Errorf("canceled among dropped games: %v %+v", err, report)
	}
	if endless.read > 50*endless.after {
		t.Error("nothing stopped the reading of games that are dropped")
	}
	r.Close()
	// An input that breaks off delivers the games before it.
	r, err = pgn.NewReader("cut", io.MultiReader(strings.NewReader(messy()[:5000]), iotest.ErrReader(errFull)))
	if err != nil {
		t.Fatal(err)
	}
	n = 0
	report, err = Read(t.Context(), r, Filter{}, func(*pgn.Game) error { n++; return nil })
	if !errors.Is(err, errFull) || n == 0 || report.Kept != n {
		t.Errorf("broken input: %v, %d games", err, n)
	}
}

// endlessGames is the same game again and again; then is called once after many
// bytes. It ends at some point so that a test that fails does, too.
type endlessGames struct {
	game  string
	read  int
	after int
	then  func()
}

func (e *endlessGames) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		k := copy(b[n:], e.game[e.read%len(e.game):])
		n, e.read = n+k, e.read+k
	}
	if e.read >= e.after && e.then != nil {
		e.then()
		e.then = nil
	}
	if e.read > 100*e.after {
		return n, errors.New("nobody stops reading")
	}
	return n, nil
}

// The games under the caps of the paper are as many as the page about the real
// games says. It counts ratings below the cap, where the filter has at most.
func TestRealCaps(t *testing.T) {
	dir := realgames.Dir(t)
	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Skip("no page that says how many games there are")
	}
	for _, file := range []string{"chesscom_misc", "lichess_db_excerpts", "lichess_players_misc", "lichess_kaggle_20k"} {
		path := filepath.Join(dir, "lichess", file+".pgn.zst")
		row := tableRow(t, page, file)
		for column, limit := range map[int]int{2: 1000, 4: 1300, 5: 1500} {
			count := func(f Filter) int {
				r, err := pgn.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				report, err := Read(t.Context(), r, f, func(*pgn.Game) error { return nil })
				if err != nil {
					t.Fatal(err)
				}
				if report.Seen != row[1] || report.Errors != 0 {
					t.Errorf("%s: %d games, %d broken, want %d", file, report.Seen, report.Errors, row[1])
				}
				return report.Kept
			}
			if got := count(Filter{MaxElo: limit - 1}); got != row[column] {
				t.Errorf("%s: %d games below %d, the page says %d", file, got, limit, row[column])
			}
			at := 0
			both, one := 0, Filter{MaxElo: limit}
			r, err := pgn.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Read(t.Context(), r, one, func(g *pgn.Game) error {
				both++
				white, _ := g.Elo(bitboard.White)
				if black, _ := g.Elo(bitboard.Black); max(white, black) == limit {
					at++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if both != row[column]+at {
				t.Errorf("%s: %d games at most %d, want %d below and %d at it", file, both, limit, row[column], at)
			}
		}
	}
}

// tableRow returns the numbers of a file's row in the table of files: from index
// 1 on games, below 1000, 1100, 1300, 1500.
func tableRow(t *testing.T, page []byte, file string) []int {
	t.Helper()
	for line := range bytes.Lines(page) {
		cells := strings.Split(string(line), "|")
		if len(cells) < 12 || !strings.Contains(cells[1], file) {
			continue
		}
		var row []int
		for _, cell := range cells[1:8] {
			n := 0
			fmt.Sscan(strings.ReplaceAll(cell, ",", ""), &n)
			row = append(row, n)
		}
		return row
	}
	t.Fatalf("the page has no row for %s", file)
	return nil
}

// A reading that is ended early reports the games up to that one, however far ahead
// of it the reader was.
func TestReportAtStop(t *testing.T) {
	var text strings.Builder
	for i := range 3000 {
		switch {
		case i%11 == 5:
			text.WriteString("[Event \"x\"]\n[White]\n\n1. e4 *\n\n") // broken
		case i%7 == 3:
			text.WriteString("[Event \"x\"]\n[WhiteElo \"900\"]\n[BlackElo \"950\"]\n\n1. e4 e5 1-0\n\n")
		case i%2 == 0:
			text.WriteString("[Event \"x\"]\n\n1. e4 e5 1-0\n\n")
		default:
			text.WriteString("[Event \"x\"]\n[WhiteElo \"1900\"]\n[BlackElo \"950\"]\n\n1. e4 e5 1-0\n\n")
		}
	}
	errStop := errors.New("enough")
	for _, stop := range []int{1, 2, 50, 500, 600, 700, 1 << 30} {
		var reports []Report
		for _, workers := range []int{1, 2, 4} {
			r := pgntest.Reader(t, strings.Repeat(text.String(), 2))
			r.Workers(workers)
			n := 0
			report, err := Read(t.Context(), r, Filter{MaxElo: 1000}, func(*pgn.Game) error {
				if n++; n == stop {
					return errStop
				}
				return nil
			})
			if err != nil && !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			dropped := 0
			for _, d := range report.Dropped {
				dropped += d.Count
			}
			if report.Seen != report.Kept+report.Errors+dropped || report.Kept != n || dropped == 0 {
				t.Errorf("stop %d, %d workers: %+v", stop, workers, report)
			}
			reports = append(reports, report)
		}
		for i, report := range reports {
			if !reflect.DeepEqual(report, reports[0]) {
				t.Errorf("stop %d:\n got %+v\nwant %+v", stop, reports[i], reports[0])
			}
		}
	}
}

// All rules about tags on the header of a game that passes them. The unit is a game.
func BenchmarkTagRules(b *testing.B) {
	f := Filter{MaxElo: 2500, MinElo: 1000, RatingBand: Band{1000, 2500}, Speeds: []Speed{Rapid, Blitz}, RatedOnly: true, NoBots: true,
		Terminations: []string{"normal", "time forfeit"}, Since: "2015", Until: "2019.06", Player: "Costello", Results: []string{"0-1"}}
	rules := f.rules()
	r := pgntest.Reader(b, lichess())
	r.Filter(func(h *pgn.Header) bool {
		b.ReportAllocs()
		for b.Loop() {
			for i := range rules {
				if rules[i].header != nil && rules[i].header(h) {
					b.Fatalf("rule %s drops", rules[i].name)
				}
			}
		}
		return false
	})
	for r.Scan() {
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "headers/s")
}
