/* merkle_test.c - the log's hashes against RFC 6962: published vectors, and its definition. */
#include "tests/audit/fixture.h"

#include <sodium.h>

#include "actors/audit/merkle.h"

/* The vectors of the certificate-transparency project: eight leaves and the root after each. */
static const struct { const char *leaf; size_t size; const char *root; } vectors[] = {
    {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"\x50\x51\x52\x53\x54\x55\x56\x57", 8,
     "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static void expect_root(const struct frontier *frontier, const char *expected)
{
    char hex[HASH_HEX_SIZE];

    hash_to_hex(merkle_root(frontier), hex);
    assert_string_equal(hex, expected);
}

static void test_known_roots(void **state)
{
    struct frontier frontier = {0};

    (void)state;
    expect_root(&frontier, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        merkle_add(&frontier, merkle_leaf(vectors[i].leaf, vectors[i].size));
        expect_root(&frontier, vectors[i].root);
    }
}

/* RFC 6962 word for word: MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])), with k the
 * largest power of two below n. At most seven levels deep here. */
static struct hash root_by_definition(const struct hash *leaves, size_t count)
{
    unsigned char node[1 + 2 * HASH_SIZE] = {1};
    struct hash left, right, root;
    size_t split = 1;

    if (count == 1)
        return leaves[0];
    while (2 * split < count)
        split *= 2;
    left = root_by_definition(leaves, split);
    right = root_by_definition(leaves + split, count - split);
    memcpy(node + 1, left.at, HASH_SIZE);
    memcpy(node + 1 + HASH_SIZE, right.at, HASH_SIZE);
    crypto_hash_sha256(root.at, node, sizeof node);
    return root;
}

static void test_every_size_is_as_defined(void **state)
{
    struct frontier frontier = {0};
    struct hash leaves[130];

    (void)state;
    for (size_t i = 0; i < 130; i++) {
        leaves[i] = merkle_leaf(&i, sizeof i);
        merkle_add(&frontier, leaves[i]);
        assert_true(hash_equals(merkle_root(&frontier), root_by_definition(leaves, i + 1)));
    }
    assert_int_equal(frontier.size, 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_roots),
        cmocka_unit_test(test_every_size_is_as_defined),
    };
    return cmocka_run_group_tests_name("audit_merkle", tests, NULL, NULL);
}
