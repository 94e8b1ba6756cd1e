package pgn

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Most tags are lines of one form, [Name "Value"] with no escapes, and their names
// come in the same order in every game of a file. Such tags are read eight bytes at
// a time, with no look at the name but whether it is the one that came at this place
// in the games before. Every other tag takes the long way, parseTag.

const (
	// maxRegularName is the length of the longest name that is remembered.
	// WhiteRatingDiff has 15 bytes.
	maxRegularName = 24 - len(`[ "`)

	// maxRegularValue bounds the value of a regular tag, and maxRegularNames the
	// number of names that are remembered: with both, regular tags alone cannot
	// take what MaxTagSection and MaxTags allow.
	maxRegularValue = 256
	maxRegularNames = 64
)

// tagNames are the names of tags that were read, each with the one that came next.
type tagNames struct {
	first tagName // has no name: what comes next is the first tag of a game
	other tagName // all those that are not remembered
	all   []*tagName
}

// tagName is how a regular tag starts.
type tagName struct {
	open    [3]uint64 // [Name ", little-endian
	mask    [3]uint64 // the bytes of open that count
	size    int       // of open
	isEvent bool
	name    string
	next    *tagName // nil when nothing is known
}

// follow notes that a tag of that name came after another one, and returns it.
func (t *tagNames) follow(last *tagName, name []byte) *tagName {
	for _, n := range t.all {
		if n.name == string(name) {
			last.next = n
			return n
		}
	}
	if len(t.all) == maxRegularNames || len(name) > maxRegularName {
		return &t.other
	}
	n := &tagName{name: string(name), isEvent: string(name) == "Event", size: len(name) + len(`[ "`)}
	var open, mask [24]byte
	copy(open[:], "["+n.name+` "`)
	for i := range n.size {
		mask[i] = 0xff
	}
	for i := range n.open {
		n.open[i] = binary.LittleEndian.Uint64(open[8*i:])
		n.mask[i] = binary.LittleEndian.Uint64(mask[8*i:])
	}
	t.all = append(t.all, n)
	last.next = n
	return n
}

// regularTags reads tags, from byte k of the game on, as long as they are regular and
// the expected ones. It returns the index behind the last one, or k.
func (s *splitter) regularTags(k int, expected **tagName, event *bool) int {
	if s.exact {
		return k
	}
	text := s.w.text()[1:]
	tags := slices.Grow(s.tags, max(0, maxRegularNames-len(s.tags)))
	last := *expected
	at := k
	if len(tags) > 0 {
		if k == len(text) || text[k] != '\n' {
			return k
		}
		at++
	}
	for {
		t := last.next
		if t == nil || at+24 > len(text) || len(tags) >= maxRegularNames {
			break
		}
		b := text[at:]
		if (binary.LittleEndian.Uint64(b)^t.open[0])&t.mask[0]|
			(binary.LittleEndian.Uint64(b[8:])^t.open[1])&t.mask[1]|
			(binary.LittleEndian.Uint64(b[16:])^t.open[2])&t.mask[2] != 0 {
			break
		}
		end := valueEnd(b, t.size)
		if end < 0 || t.isEvent && *event {
			break
		}
		*event = *event || t.isEvent
		// Field by field: a whole tagSpan would be put together elsewhere and copied.
		tags = tags[:len(tags)+1]
		tag := &tags[len(tags)-1]
		tag.name, tag.nameEnd = int32(at+1), int32(at+t.size-2)
		tag.value, tag.valueEnd = int32(at+t.size), int32(at+end)
		tag.escaped = false
		k = at + end + len(`"]`)
		at = k + 1
		last = t
	}
	s.tags = tags
	*expected = last
	return k
}

// valueEnd returns the index of the quote that ends the value at b[i] of a regular
// tag, -1 when the tag is not regular or b too short to tell.
func valueEnd(b []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for most := i + maxRegularValue; i+11 <= len(b) && i < most; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^ones*'"', x^ones*'\\'
		// The lowest bit is set for the first quote, backslash or control character.
		stop := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x) & high
		if stop == 0 {
			continue
		}
		i += bits.TrailingZeros64(stop) / 8
		if b[i] == '"' && b[i+1] == ']' && b[i+2] == '\n' {
			return i
		}
		return -1
	}
	return -1
}
