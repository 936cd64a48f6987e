// Audits a transparency log with golang.org/x/mod/sumdb, which shares no code with ours.
//
//	audit VKEY ADDRESS
//
// It checks the checkpoint's signature, every tile on the way to every entry, the proof of each
// entry, and that each smaller tree is the beginning of the signed one.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type reader struct {
	address string
	known   map[string][]byte
}

func (r reader) Height() int                         { return 8 }
func (r reader) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		found = append(found, r.get(strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return found, nil
}

func (r reader) get(path string) []byte {
	if body, ok := r.known[path]; ok {
		return body
	}
	answer, err := http.Get(r.address + "/" + path)
	must(err)
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		log.Fatalf("%s: %s", path, answer.Status)
	}
	body, err := io.ReadAll(answer.Body)
	must(err)
	r.known[path] = body
	return body
}

func (r reader) entries(size int64) [][]byte {
	var found [][]byte
	for first := int64(0); first < size; first += 256 {
		tile := tlog.Tile{H: 8, L: -1, N: first / 256, W: int(min(256, size-first))}
		path := strings.Replace(tile.Path(), "tile/8/data", "tile/entries", 1)
		for bundle := r.get(path); len(bundle) > 0; {
			length := binary.BigEndian.Uint16(bundle)
			found = append(found, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	return found
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err)
	r := reader{os.Args[2], map[string][]byte{}}
	signed, err := note.Open(r.get("checkpoint"), note.VerifierList(verifier))
	must(err)
	lines := strings.Split(signed.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	tree := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, r)
	entries := r.entries(size)
	if int64(len(entries)) != size {
		log.Fatalf("%d entries in a log of %d", len(entries), size)
	}
	for i, entry := range entries {
		proof, err := tlog.ProveRecord(size, int64(i), tree)
		must(err)
		must(tlog.CheckRecord(proof, size, root, int64(i), tlog.RecordHash(entry)))
		older, err := tlog.TreeHash(int64(i)+1, tree)
		must(err)
		continued, err := tlog.ProveTree(size, int64(i)+1, tree)
		must(err)
		must(tlog.CheckTree(continued, size, root, int64(i)+1, older))
	}
	fmt.Printf("%s: %d entries, all proved\n", lines[0], size)
}
