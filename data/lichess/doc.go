// Package lichess reads the months of the Lichess open database,
// https://database.lichess.org: every rated game of standard chess, one zstd
// compressed PGN file a month, some 30 GB for one of the last years.
//
// A Stream is such a file as an io.ReadCloser, fetched while it is read: nothing
// is stored unless Config.KeepDir asks for it. What pgn.NewReader reads from it is
// one run of bytes, whatever happens on the way: a connection that drops or stalls
// is replaced by one that goes on at the next byte, a busy server is left in peace
// for as long as it asks, and a file that is replaced on the server in the middle
// is an error, never a splice of two files. When the whole file was read its
// SHA-256 is compared with the server's list.
//
//	months, err := lichess.ParseMonths("2023-01..2023-10", time.Now())
//	for _, month := range months {
//		s, err := lichess.Open(ctx, month, lichess.Config{Notify: show})
//		r, err := pgn.NewReader(s.Name(), s)
//		report, err := data.ReadPGN(ctx, r, filter, emit)
//		s.Close() // first: it wakes a decoder that waits for the network
//		r.Close()
//	}
//
// Nothing is printed: retries and what became of the checksum come as Events, and
// Stream.Progress tells how far the reading is.
//
// # What a server may do
//
//	dropped connection           go on by range request
//	no bytes for StallTimeout    drop the connection, go on by range request
//	408, 429, 500, 502 to 504    try again, not before Retry-After
//	other statuses               *StatusError
//	206 with another range       try again; it may be one bad proxy of many
//	200 instead of 206           read again from the start, skip what was read
//	                             already if it has the same SHA-256
//	another ETag, Last-Modified  *ChangedError
//	or size than at first
//	no Content-Length            the end is where the server says; only the
//	                             checksum and the decoder can tell if it is
//	Content-Length too large     the end never comes: io.ErrUnexpectedEOF or
//	                             *ChangedError
//	Content-Length too small     *ChecksumError
//	no list of checksums         Unverified event
//	redirect                     followed to http and https, never from https to
//	                             http and never to an address with a password
//
// Tries are bounded by Config.Tries; every new byte starts the count again.
//
// # What is assumed
//
// The package was tested against servers made for it, never against the real one. It
// takes for granted, from the pages of the database, that
//
//   - a month is at BASE/standard/lichess_db_standard_rated_YYYY-MM.pgn.zst, from 2013-01 on;
//   - its file is one or more zstd frames of PGN, games separated by empty lines, with a
//     window of at most 128 MiB (what pgn.Reader allows);
//   - BASE/standard/sha256sums.txt lists the SHA-256 of each file as sha256sum writes it;
//   - no login, cookie or query is needed, and a User-Agent that names the program is
//     welcome;
//   - files do not change, or change their ETag, Last-Modified or size when they do.
//
// Where one of these is wrong there is an error or a warning, as the table says; only a
// file that changes without any sign, on a server without checksums, would go
// unnoticed, and only if a connection was lost in the middle.
package lichess
