#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

static struct addr A(const char *text) {
    struct addr a = {0};

    ck_assert_msg(addr_parse(text, strlen(text), &a), "no address: %s", text);
    return a;
}

static struct net
N(const char *text) {
    struct net net = {0};

    ck_assert_msg(net_parse(text, strlen(text), &net), "no network: %s", text);
    return net;
}

static const char *
text_of(const char *text)
{
    static char buf[ADDR_TEXT_MAX];
    struct addr a = A(text);

    return addr_format(&a, buf);
}

static const char *net_text_of(const char *text)
{
    static char buf[NET_TEXT_MAX];
    struct net net = N(text);

    return net_format(&net, buf);
}

START_TEST(addresses_are_written_in_canonical_form)
{
    ck_assert_str_eq(text_of("203.0.113.5"), "203.0.113.5");
    ck_assert_str_eq(text_of("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
    ck_assert_str_eq(text_of("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
    ck_assert_str_eq(text_of("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
    ck_assert_str_eq(text_of("::"), "::");
    ck_assert_str_eq(text_of("::ffff:192.0.2.1"), "192.0.2.1");
    ck_assert_str_eq(text_of("::ffff:c000:201"), "192.0.2.1");
    ck_assert_str_eq(addr_format(&(struct addr){0}, (char[ADDR_TEXT_MAX]){0}), "-");
}
END_TEST

START_TEST(whatever_is_not_plainly_an_address_is_refused)
{
    static const char *const bad[] = {
        "",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.04",
        "0x1.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4\n",
        "localhost",
        "host.example",
        "fe80::1%eth0",
        "fe80::1%1",
        "[2001:db8::1]",
        "1::2::3",
        "12345::",
        "::1.2.3",
        "::ffff:1.2.3",
        "16909060",
        "1.2.3.4/8",
        "2001:db8::1/128",
        "2001:db8::1:g",
        ":",
        "1.2.3.-4",
        "UNKNOWN",
        "1:2:3:4:5:6:7:8:9",
        "1111:2222:3333:4444:5555:6666:123.123.123.1234",
    };
    struct addr a = {9, {1}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!addr_parse(bad[i], strlen(bad[i]), &a), "taken: %s", bad[i]);
    ck_assert(!addr_parse("1.2.3.4\0", 8, &a)); /* a NUL inside what was given */
    ck_assert_uint_eq(a.family, 9);             /* left alone */
    ck_assert(addr_parse("1.2.3.45", 7, &a));   /* n bytes, not up to the NUL */
    ck_assert_uint_eq(a.bytes[3], 4);
}
END_TEST

START_TEST(socket_addresses_are_read_and_unmapped)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct addr a = {0}, want = A("192.0.2.7");

    inet_pton(AF_INET, "192.0.2.7", &sin.sin_addr);
    ck_assert(addr_from_sockaddr((struct sockaddr *)&sin, &a));
    ck_assert(addr_equal(&a, &want));
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &sin6.sin6_addr);
    a = (struct addr){0};
    ck_assert(addr_from_sockaddr((struct sockaddr *)&sin6, &a));
    ck_assert(addr_equal(&a, &want));
    ck_assert(!addr_from_sockaddr(&other, &a));
}
END_TEST

START_TEST(addresses_sort_by_family_then_number)
{
    static const char *const sorted[] = {"1.2.3.4", "9.0.0.0",     "10.0.0.0",
                                         "::",      "2001:db8::9", "2001:db8::10"};

    for (size_t i = 0; i + 1 < sizeof(sorted) / sizeof(sorted[0]); i++) {
        struct addr a = A(sorted[i]), b = A(sorted[i + 1]);

        ck_assert_int_lt(addr_compare(&a, &b), 0);
        ck_assert_int_gt(addr_compare(&b, &a), 0);
        ck_assert_int_eq(addr_compare(&a, &a), 0);
    }
}
END_TEST

START_TEST(networks_are_read_strictly)
{
    static const char *const bad[] = {"192.0.2.1/24",
                                      "192.0.2.0/",
                                      "192.0.2.0/33",
                                      "192.0.2.0/024",
                                      "192.0.2.0/+8",
                                      "192.0.2.0/ 8",
                                      "2001:db8::1/64",
                                      "2001:db8::/129",
                                      "::ffff:0.0.0.0/95",
                                      "192.0.2.0/24/24",
                                      "/24",
                                      "192.0.2.0/1000"};
    struct net net = {.len = 7};

    ck_assert_str_eq(net_text_of("192.0.2.0/24"), "192.0.2.0/24");
    ck_assert_str_eq(net_text_of("192.0.2.9"), "192.0.2.9");
    ck_assert_str_eq(net_text_of("192.0.2.9/32"), "192.0.2.9");
    ck_assert_str_eq(net_text_of("0.0.0.0/0"), "0.0.0.0/0");
    ck_assert_str_eq(net_text_of("2001:DB8::/32"), "2001:db8::/32");
    ck_assert_str_eq(net_text_of("::ffff:192.0.2.0/120"), "192.0.2.0/24");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!net_parse(bad[i], strlen(bad[i]), &net), "taken: %s", bad[i]);
    ck_assert_uint_eq(net.len, 7);
}
END_TEST

START_TEST(a_network_holds_its_first_and_last_address_only)
{
    struct net net = N("198.51.100.128/26");
    struct addr first, last, below = A("198.51.100.127"), above = A("198.51.100.192");
    char buf[ADDR_TEXT_MAX];

    net_range(&net, &first, &last);
    ck_assert_str_eq(addr_format(&first, buf), "198.51.100.128");
    ck_assert_str_eq(addr_format(&last, buf), "198.51.100.191");
    ck_assert(net_contains(&net, &first) && net_contains(&net, &last));
    ck_assert(!net_contains(&net, &below) && !net_contains(&net, &above));

    net = N("2001:db8:0:fff0::/60");
    net_range(&net, &first, &last);
    ck_assert_str_eq(addr_format(&last, buf), "2001:db8:0:ffff:ffff:ffff:ffff:ffff");

    net = N("0.0.0.0/0");
    first = A("::");
    ck_assert(!net_contains(&net, &first)); /* the other family */
    ck_assert(!net_contains(&(struct net){0}, &(struct addr){0}));
}
END_TEST

START_TEST(the_network_around_an_address_has_no_host_bits)
{
    struct addr a = A("2001:db8:1:2:3:4:5:6"), b = A("203.0.113.255");
    struct net net = addr_network(&a, 64), want = N("2001:db8:1:2::/64");

    ck_assert(net_equal(&net, &want));
    net = addr_network(&a, 61);
    want = N("2001:db8:1::/61");
    ck_assert(net_equal(&net, &want));
    net = addr_network(&b, 64); /* cut to the bits of IPv4 */
    want = N("203.0.113.255");
    ck_assert(net_equal(&net, &want));
    net = addr_network(&b, 0);
    want = N("0.0.0.0/0");
    ck_assert(net_equal(&net, &want));
}
END_TEST

START_TEST(a_list_of_networks_grows_and_finds)
{
    struct netlist list = {0};
    struct addr in = A("10.99.3.7"), out = A("10.100.0.1");

    ck_assert(!netlist_contains(&list, &in));
    for (unsigned i = 0; i < 100; i++) {
        struct net net = {{4, {10, (uint8_t)i}}, 16};

        ck_assert_int_eq(netlist_add(&list, &net), 0);
    }
    ck_assert_uint_eq(list.n, 100);
    ck_assert(netlist_contains(&list, &in));
    ck_assert(!netlist_contains(&list, &out));
    netlist_done(&list);
    ck_assert(!netlist_contains(&list, &in));
    netlist_done(&list);
}
END_TEST

START_TEST(special_purpose_addresses_are_named)
{
    static const char *const special[][2] = {
        {"0.1.2.3", "This-Network"},
        {"10.255.255.255", "Private-Use"},
        {"100.64.0.1", "Shared-Address-Space"},
        {"100.127.255.255", "Shared-Address-Space"},
        {"127.0.0.1", "Loopback"},
        {"169.254.1.1", "Link-Local"},
        {"172.31.255.255", "Private-Use"},
        {"192.0.0.1", "Service-Continuity"},
        {"192.0.0.8", "Dummy-Address"},
        {"192.0.0.11", "IETF-Protocol-Assignments"},
        {"192.0.2.1", "Documentation"},
        {"192.88.99.1", "6to4-Relay-Anycast"},
        {"198.19.255.255", "Benchmarking"},
        {"203.0.113.5", "Documentation"},
        {"224.0.0.1", "Multicast"},
        {"250.0.0.1", "Reserved"},
        {"255.255.255.255", "Limited-Broadcast"},
        {"::ffff:10.0.0.1", "Private-Use"},
        {"::", "Unspecified"},
        {"::1", "Loopback"},
        {"::192.0.2.1", "Reserved"},
        {"64:ff9b::10.0.0.1", "Private-Use"},
        {"64:ff9b:1::1", "NAT64-Local-Use"},
        {"100::1", "Discard-Only"},
        {"2001::1", "Teredo"},
        {"2001:1::4", "IETF-Protocol-Assignments"},
        {"2001:2:0:1::1", "Benchmarking"},
        {"2001:10::1", "ORCHID"},
        {"2001:db8::1", "Documentation"},
        {"2002:c000:201::1", "6to4"},
        {"3fff:fff::1", "Documentation"},
        {"4000::1", "Reserved"},
        {"fd00::1", "Unique-Local"},
        {"fe80::1", "Link-Local"},
        {"fec0::1", "Reserved"},
        {"ff02::1", "Multicast"},
    };

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        struct addr a = A(special[i][0]);
        const char *name = NULL;

        ck_assert_msg(addr_special(&a, &name), "not special: %s", special[i][0]);
        ck_assert_str_eq(name, special[i][1]);
        ck_assert(addr_special(&a, NULL));
    }
    ck_assert(addr_special(&(struct addr){0}, NULL));
}
END_TEST

START_TEST(neighbours_and_global_exceptions_are_not_special)
{
    static const char *const global[] = {
        "1.0.0.0",       "9.255.255.255",  "11.0.0.0",         "100.63.255.255",
        "100.128.0.0",   "172.15.255.255", "172.32.0.0",       "192.0.0.9",
        "192.0.0.10",    "192.0.1.0",      "192.0.3.0",        "192.31.196.1",
        "192.52.193.1",  "192.175.48.1",   "198.17.255.255",   "198.20.0.0",
        "203.0.112.255", "203.0.114.0",    "223.255.255.255",  "2001:1::1",
        "2001:1::2",     "2001:1::3",      "2001:3::1",        "2001:4:112::1",
        "2001:20::1",    "2001:30::1",     "2001:200::1",      "2001:db7:ffff::1",
        "2001:db9::1",   "2003::1",        "2620:4f:8000::1",  "2a00:1450::1",
        "3ffe:ffff::1",  "3fff:1000::1",   "64:ff9b::1.1.1.1", "::ffff:8.8.8.8",
    };

    for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
        struct addr a = A(global[i]);
        const char *name = "untouched";

        ck_assert_msg(!addr_special(&a, &name), "special: %s", global[i]);
        ck_assert_str_eq(name, "untouched");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("addr");
    TCase *tc = tcase_create("addr");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, addresses_are_written_in_canonical_form);
    tcase_add_test(tc, whatever_is_not_plainly_an_address_is_refused);
    tcase_add_test(tc, socket_addresses_are_read_and_unmapped);
    tcase_add_test(tc, addresses_sort_by_family_then_number);
    tcase_add_test(tc, networks_are_read_strictly);
    tcase_add_test(tc, a_network_holds_its_first_and_last_address_only);
    tcase_add_test(tc, the_network_around_an_address_has_no_host_bits);
    tcase_add_test(tc, a_list_of_networks_grows_and_finds);
    tcase_add_test(tc, special_purpose_addresses_are_named);
    tcase_add_test(tc, neighbours_and_global_exceptions_are_not_special);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
