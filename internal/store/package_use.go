package store

import "context"

// Which rows have packages, and how many bytes of them a project has, is said in this file only. A
// table whose rows have packages, as versions of functions will, joins here: garbage collection,
// deletion and quotas then know of it.
const (
	// packageUses counts the rows of all projects that have the package of a digest.
	packageUses = `SELECT COUNT(*) FROM functions WHERE code_sha256 = ?`
	// packagesInUse selects the digests of all packages that rows have.
	packagesInUse = `SELECT DISTINCT code_sha256 FROM functions WHERE code_sha256 <> ''`
)

// PackageReferenced reports whether any project's function has this package, by the digest of its
// bytes.
func (s *Store) PackageReferenced(ctx context.Context, sha256 string) (bool, error) {
	var n int
	err := s.get.one(ctx, s.get.packageUse, sha256).Scan(&n)
	return n > 0, unavailable(err)
}

// PackagesReferenced returns the digests of every package that a function of any project has.
func (s *Store) PackagesReferenced(ctx context.Context) (map[string]bool, error) {
	rows, err := s.scans.QueryContext(ctx, packagesInUse)
	if err != nil {
		return nil, unavailable(err)
	}
	digests, err := scanAll(rows, func(row scanner) (digest string, err error) { return digest, row.Scan(&digest) })
	referenced := make(map[string]bool, len(digests))
	for _, digest := range digests {
		referenced[digest] = true
	}
	return referenced, err
}

// packageUsed reports whether a row has the package, as this transaction sees it.
func (t *tx) packageUsed(sha256 string) (bool, error) {
	var n int
	err := t.queryRow(packageUses, sha256).Scan(&n)
	return n > 0, err
}
