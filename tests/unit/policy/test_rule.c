#include "policy/rule.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

struct accepted {
	const char *rule, *canonical;
};

struct refused {
	const char *rule;
	size_t column;
};

/* As usbguard-rule-parser 1.1.2 prints them. */
static const struct accepted ACCEPTED[] = {
        {"allow", "allow"},
        {"allow 1234:5678", "allow id 1234:5678"},
        {"allow 1234:5678 name \"x\"", "allow id 1234:5678 name \"x\""},
        {"allow id ABCD:EF01", "allow id ABCD:EF01"},
        {"allow id abcd:ef01", "allow id abcd:ef01"},
        {"allow id abcd:EF01", "allow id abcd:EF01"},
        {"allow id 1234:*", "allow id 1234:*"},
        {"allow id *:*", "allow id *:*"},
        {"allow id { 1234:5678 }", "allow id 1234:5678"},
        {"allow id {1234:5678}", "allow id 1234:5678"},
        {"allow id {1234:5678 1234:*}", "allow id { 1234:5678 1234:* }"},
        {"allow id one-of { 1234:5678 abcd:* }", "allow id one-of { 1234:5678 abcd:* }"},
        {"allow id all-of { 1234:5678 }", "allow id all-of { 1234:5678 }"},
        {"allow id none-of { 1234:5678 }", "allow id none-of { 1234:5678 }"},
        {"allow id equals { 1234:5678 }", "allow id 1234:5678"},
        {"allow id equals-ordered { 1234:5678 }", "allow id equals-ordered { 1234:5678 }"},
        {"allow id match-all { 1234:5678 }", "allow id match-all { 1234:5678 }"},
        {"allow id equals { 1234:5678 1234:5678 }", "allow id { 1234:5678 1234:5678 }"},
        {"allow label \"z\" with-connect-type \"hotplug\" with-interface 08:06:50 via-port \"1-2\" "
         "parent-hash \"d\" hash \"c\" serial \"b\" name \"a\" id 1234:5678",
                "allow id 1234:5678 serial \"b\" name \"a\" hash \"c\" parent-hash \"d\" via-port "
                "\"1-2\" with-interface 08:06:50 with-connect-type \"hotplug\" label \"z\""},
        {"allow serial \"\"", "allow serial \"\""},
        {"allow serial \"a\\\"b\"", "allow serial \"a\\\"b\""},
        {"allow serial \"a\\\\b\"", "allow serial \"a\\\\b\""},
        {"allow serial \"a\\x41b\"", "allow serial \"aAb\""},
        {"allow serial \"a\\x01b\"", "allow serial \"a\\x01b\""},
        {"allow serial \"a\\xffb\"", "allow serial \"a\\xffb\""},
        {"allow serial \"a\\x00b\"", "allow serial \"a\\x00b\""},
        {"allow serial \"日本語\"",
                "allow serial \"\\xe6\\x97\\xa5\\xe6\\x9c\\xac\\xe8\\xaa\\x9e\""},
        {"allow serial { \"a\" \"b\" }", "allow serial { \"a\" \"b\" }"},
        {"allow serial {\"a\" \"b\"}", "allow serial { \"a\" \"b\" }"},
        {"allow serial one-of { \"a\" \"b\" }", "allow serial one-of { \"a\" \"b\" }"},
        {"allow serial \"a#b\"", "allow serial \"a#b\""},
        {"allow serial \"a\" # comment", "allow serial \"a\""},
        {"allow # comment", "allow"},
        {"# comment", ""},
        {"#", ""},
        {"allow#comment", "allow"},
        {"allow serial \"a\"# comment", "allow serial \"a\""},
        {"allow hash \"jEP/6WzviqdJ5VSeTUY8PatCNBKeaREvo2OqdplND/o=\"",
                "allow hash \"jEP/6WzviqdJ5VSeTUY8PatCNBKeaREvo2OqdplND/o=\""},
        {"allow hash \"\"", "allow hash \"\""},
        {"allow parent-hash one-of { \"a\" }", "allow parent-hash one-of { \"a\" }"},
        {"allow via-port \"1-2\"", "allow via-port \"1-2\""},
        {"allow via-port \"usb1\"", "allow via-port \"usb1\""},
        {"allow via-port one-of { \"1-1\" \"1-2\" }", "allow via-port one-of { \"1-1\" \"1-2\" }"},
        {"allow via-port \"\"", "allow via-port \"\""},
        {"allow with-interface 08:06:50", "allow with-interface 08:06:50"},
        {"allow with-interface 08:06:*", "allow with-interface 08:06:*"},
        {"allow with-interface 08:*:*", "allow with-interface 08:*:*"},
        {"allow with-interface 0E:01:0A", "allow with-interface 0e:01:0a"},
        {"allow with-interface 0e:01:0a", "allow with-interface 0e:01:0a"},
        {"allow with-interface { 08:06:50 }", "allow with-interface 08:06:50"},
        {"allow with-interface { 08:06:50 03:01:01 }",
                "allow with-interface { 08:06:50 03:01:01 }"},
        {"allow with-interface equals { 08:*:* 03:*:* }", "allow with-interface { 08:*:* 03:*:* }"},
        {"allow with-interface one-of { 08:*:* 03:*:* }",
                "allow with-interface one-of { 08:*:* 03:*:* }"},
        {"allow with-interface all-of { 08:*:* 03:*:* }",
                "allow with-interface all-of { 08:*:* 03:*:* }"},
        {"allow with-interface none-of { 08:*:* 03:*:* }",
                "allow with-interface none-of { 08:*:* 03:*:* }"},
        {"allow with-interface equals-ordered { 08:*:* 03:*:* }",
                "allow with-interface equals-ordered { 08:*:* 03:*:* }"},
        {"allow with-interface match-all { 08:*:* 03:*:* }",
                "allow with-interface match-all { 08:*:* 03:*:* }"},
        {"allow with-interface {08:06:50 03:01:01}", "allow with-interface { 08:06:50 03:01:01 }"},
        {"allow with-connect-type \"hotplug\"", "allow with-connect-type \"hotplug\""},
        {"allow with-connect-type \"whatever\"", "allow with-connect-type \"whatever\""},
        {"allow with-connect-type one-of { \"hotplug\" \"hardwired\" }",
                "allow with-connect-type one-of { \"hotplug\" \"hardwired\" }"},
        {"allow label \"a label\"", "allow label \"a label\""},
        {"allow label one-of { \"a\" \"b\" }", "allow label one-of { \"a\" \"b\" }"},
        {"allow label { \"a\" }", "allow label \"a\""},
        {"allow label { \"a\" \"b\" }", "allow label { \"a\" \"b\" }"},
        {"allow label \"a\" label \"b\"", "allow label { \"a\" \"b\" }"},
        {"allow label equals-ordered { \"a\" \"b\" }",
                "allow label equals-ordered { \"a\" \"b\" }"},
        {"allow if true", "allow if true"},
        {"allow if false", "allow if false"},
        {"allow if !true", "allow if !true"},
        {"allow if localtime(08:00)", "allow if localtime(08:00)"},
        {"allow if localtime(08:00-17:00)", "allow if localtime(08:00-17:00)"},
        {"allow if localtime(8:00-17:00)", "allow if localtime(8:00-17:00)"},
        {"allow if localtime(08:00 - 17:00)", "allow if localtime(08:00 - 17:00)"},
        {"allow if localtime( 08:00-17:00 )", "allow if localtime( 08:00-17:00 )"},
        {"allow if { true }", "allow if true"},
        {"allow if { true false }", "allow if { true false }"},
        {"allow if one-of { true false }", "allow if one-of { true false }"},
        {"allow if all-of { true !false }", "allow if all-of { true !false }"},
        {"allow if none-of { true localtime(08:00-09:00) }",
                "allow if none-of { true localtime(08:00-09:00) }"},
        {"allow if equals { true }", "allow if true"},
        {"allow if equals-ordered { true }", "allow if equals-ordered { true }"},
        {"allow if match-all { true }", "allow if match-all { true }"},
        {"allow if true id 1234:5678", "allow id 1234:5678 if true"},
        {"allow id 1234:5678 if true", "allow id 1234:5678 if true"},
        {"block", "block"},
        {"reject", "reject"},
        {"reject id 1234:5678", "reject id 1234:5678"},
        {"block id 1234:5678 serial \"x\"", "block id 1234:5678 serial \"x\""},
        {"allow  id   1234:5678    serial   \"x\"", "allow id 1234:5678 serial \"x\""},
        {"allow with-connect-type \"\"", "allow with-connect-type \"\""},
        {"allow serial { \"a\" } name \"b\"", "allow serial \"a\" name \"b\""},
        {"allow if localtime(08:00-08:00)", "allow if localtime(08:00-08:00)"},
        {"allow if one-of { !true !localtime(08:00) }",
                "allow if one-of { !true !localtime(08:00) }"},
        {"allow serial { \"a\" \"a\" }", "allow serial { \"a\" \"a\" }"},
        {"allow id 0000:0000", "allow id 0000:0000"},
        {"allow with-interface 00:00:00", "allow with-interface 00:00:00"},
        {"allow name \"a\tb\"", "allow name \"a\\x09b\""},
        {"allow name \"\"", "allow name \"\""},
        {"allow name \"a/b\"", "allow name \"a/b\""},
        {"allow hash { \"a\" }", "allow hash \"a\""},
        {"allow hash one-of { \"x\" \"y\" }", "allow hash one-of { \"x\" \"y\" }"},
        {"allow id { *:* }", "allow id *:*"},
        {"allow id { 1234:* *:* }", "allow id { 1234:* *:* }"},
        {"allow name none-of { \"a\" }", "allow name none-of { \"a\" }"},
        {"allow serial \"a\\xAFb\"", "allow serial \"a\\xafb\""},
        {"allow serial \"a\\xafb\"", "allow serial \"a\\xafb\""},
        {"allow serial \"a\\x7fb\"", "allow serial \"a\\x7fb\""},
        {"allow serial \"a~b^`\"", "allow serial \"a~b^`\""},
        {"allow serial \"a'b\"", "allow serial \"a'b\""},
        {"allow # c", "allow"},
        {"allow #", "allow"},
        {"allow  #", "allow"},
        {"allow serial \"a\"  # c", "allow serial \"a\""},
        {"allow serial \"a\" id 1234:5678# c", "allow id 1234:5678 serial \"a\""},
        {"  # c", ""},
        {"allow\tid\t1234:5678", "allow id 1234:5678"},
        {"allow serial  {  \"a\"   \"b\"  }", "allow serial { \"a\" \"b\" }"},
        {"allow serial {\"a\" \"b\"  }", "allow serial { \"a\" \"b\" }"},
        {"allow serial {\t\"a\"\t}", "allow serial \"a\""},
        {"allow id one-of {1234:5678}", "allow id one-of { 1234:5678 }"},
        {"allow id one-of  {1234:5678}", "allow id one-of { 1234:5678 }"},
        {"allow if localtime(08:00-17:00) # x", "allow if localtime(08:00-17:00)"},
        {"allow if one-of {true}", "allow if one-of { true }"},
        {"allow if {true !true}", "allow if { true !true }"},
        {"allow if localtime(23:59:59)", "allow if localtime(23:59:59)"},
        {"allow if localtime(08:00:00)", "allow if localtime(08:00:00)"},
        {"allow if localtime(00:00-23:59:59)", "allow if localtime(00:00-23:59:59)"},
        {"allow if localtime(08:1)", "allow if localtime(08:1)"},
        {"allow if true# c", "allow if true"},
        {"allow label \"x\" if true name \"y\"", "allow name \"y\" if true label \"x\""},
        {"allow label \"\"", "allow label \"\""},
        {"allow label one-of { \"a\" }", "allow label one-of { \"a\" }"},
        {"allow name { \"a\" } serial { \"b\" }", "allow serial \"b\" name \"a\""},
        {"allow 1234:*", "allow id 1234:*"},
        {"allow *:*", "allow id *:*"},
        {"allow with-interface ff:FF:Ff", "allow with-interface ff:ff:ff"},
        {"allow with-interface FF:*:*", "allow with-interface ff:*:*"},
        {"allow id ffff:*", "allow id ffff:*"},
        {"allow id FFFF:FfFf", "allow id FFFF:FfFf"},
        {"allow id all-of { 1234:5678 1234:5678 } serial none-of { \"a\" }",
                "allow id all-of { 1234:5678 1234:5678 } serial none-of { \"a\" }"},
        {"allow name \"\\\\x41\"", "allow name \"\\\\x41\""},
        {"allow name \"\\\"\\\"\"", "allow name \"\\\"\\\"\""},
        {"allow with-interface equals { 08:06:50 }", "allow with-interface 08:06:50"},
        {"allow with-interface all-of { 08:06:50 }", "allow with-interface all-of { 08:06:50 }"},
        {"allow name equals { \"a\" }", "allow name \"a\""},
        {"allow name equals { \"a\" \"b\" }", "allow name { \"a\" \"b\" }"},
        {"allow if equals { true false }", "allow if { true false }"},
        {"allow if none-of { false }", "allow if none-of { false }"},
        {"allow if random", "allow if random"},
        {"allow if random(0.5)", "allow if random(0.5)"},
        {"allow if random( 0.5 )", "allow if random( 0.5 )"},
        {"allow if random(.5)", "allow if random(.5)"},
        {"allow if random(0.)", "allow if random(0.)"},
        {"allow if random(1e-3)", "allow if random(1e-3)"},
        {"allow if random(0x1p-1)", "allow if random(0x1p-1)"},
        {"allow if random(0.3333333333333333333333333333333333333333333333333333333333333333)",
                "allow if "
                "random(0.3333333333333333333333333333333333333333333333333333333333333333)"},
        {"allow # a\rb", "allow"},
        {"allow name \"a\\x0db\"", "allow name \"a\\x0db\""},
        {"allow if random(0)", "allow if random(0)"},
        {"allow if random(1.0)", "allow if random(1.0)"},
        {"allow if random(+0.5)", "allow if random(+0.5)"},
        {"allow if !random(0.1666)", "allow if !random(0.1666)"},
        {"allow if rule-applied", "allow if rule-applied"},
        {"allow if rule-applied(0)", "allow if rule-applied(0)"},
        {"allow if rule-applied(10)", "allow if rule-applied(10)"},
        {"allow if rule-applied(10 \t)", "allow if rule-applied(10 \t)"},
        {"allow if rule-applied(1:00)", "allow if rule-applied(1:00)"},
        {"allow if rule-applied(25:00)", "allow if rule-applied(25:00)"},
        {"allow if rule-applied(23:60)", "allow if rule-applied(23:60)"},
        {"allow if rule-applied(99:99:99)", "allow if rule-applied(99:99:99)"},
        {"allow if rule-applied(000000010)", "allow if rule-applied(000000010)"},
        {"allow if !rule-applied(00:10:00)", "allow if !rule-applied(00:10:00)"},
        {"allow if { rule-applied !rule-applied(5) }",
                "allow if { rule-applied !rule-applied(5) }"},
        {"allow if allowed-matches(id 1234:5678)", "allow if allowed-matches(id 1234:5678)"},
        {"allow if allowed-matches( \t id 1234:5678)",
                "allow if allowed-matches( \t id 1234:5678)"},
        {"allow if allowed-matches(1234:5678 name \"x\")",
                "allow if allowed-matches(1234:5678 name \"x\")"},
        {"allow if allowed-matches(id   1234:5678   name \"x\")",
                "allow if allowed-matches(id   1234:5678   name \"x\")"},
        {"allow if allowed-matches(id 1234:5678 if { true false })",
                "allow if allowed-matches(id 1234:5678 if { true false })"},
        {"allow if allowed-matches(if rule-applied)", "allow if allowed-matches(if rule-applied)"},
        {"allow if allowed-matches(#)", "allow if allowed-matches(#)"},
        {"allow if allowed-matches(id 1234:5678# x)", "allow if allowed-matches(id 1234:5678# x)"},
        {"allow if allowed-matches(label \"a\" label \"b\")",
                "allow if allowed-matches(label \"a\" label \"b\")"},
        {"allow if allowed-matches(name \"a(b\")", "allow if allowed-matches(name \"a(b\")"},
        {"allow if allowed-matches(name \"a\\x29b\")",
                "allow if allowed-matches(name \"a\\x29b\")"},
        {"allow if allowed-matches(name \"日本\")", "allow if allowed-matches(name \"日本\")"},
        {"allow if !allowed-matches(with-interface one-of { 03:00:01 03:01:01 })",
                "allow if !allowed-matches(with-interface one-of { 03:00:01 03:01:01 })"},
        {"allow if localtime(08:00:60)", "allow if localtime(08:00:60)"},
        {"allow if localtime(8:0:0)", "allow if localtime(8:0:0)"},
        {"allow if localtime(08:00:00-17:00)", "allow if localtime(08:00:00-17:00)"},
        {"allow if {allowed-matches(name \"a\")} name \"b\"",
                "allow name \"b\" if allowed-matches(name \"a\")"},
        {"allow if random(1) # x", "allow if random(1)"},
        {"allow label \"a\" label one-of { \"b\" } label \"c\"",
                "allow label one-of { \"a\" \"b\" \"c\" }"},
        {"allow label one-of { \"b\" } label all-of { \"c\" }",
                "allow label all-of { \"b\" \"c\" }"},
        {"allow label one-of { \"b\" } label equals { \"c\" }", "allow label { \"b\" \"c\" }"},
        {"allow label \"c\" label { \"d\" \"e\" }", "allow label { \"c\" \"d\" \"e\" }"},
};

/* As usbguard-rule-parser 1.1.2 refuses them; the columns are ours. */
static const struct refused REFUSED[] = {
        {"allow ", 6},
        {" allow", 1},
        {"\tallow\tid 1234:5678", 1},
        {"Allow", 1},
        {"ALLOW id 1234:5678", 1},
        {"id 1234:5678", 1},
        {"allow name \"x\" 1234:5678", 16},
        {"allow id 1234:5678 1234:5678", 20},
        {"allow id *:1234", 10},
        {"allow id *", 10},
        {"allow id 123:5678", 10},
        {"allow id 12345:678", 10},
        {"allow id 1234:567", 10},
        {"allow id 1234:56789", 19},
        {"allow id 0x1234:5678", 10},
        {"allow id \"1234:5678\"", 10},
        {"allow id 1234", 10},
        {"allow id 1234 : 5678", 10},
        {"allow id { }", 10},
        {"allow id {}", 10},
        {"allow id one-of{ 1234:5678 abcd:* }", 16},
        {"allow id one-of 1234:5678", 17},
        {"allow id some-of { 1234:5678 }", 10},
        {"allow id ONE-OF { 1234:5678 }", 10},
        {"allow id 1234:5678 id 1234:5678", 20},
        {"allow name \"a\" name \"b\"", 16},
        {"allow name \"a\" serial \"b\" hash \"c\" parent-hash \"d\" via-port \"1-2\" "
         "with-interface 08:06:50 with-connect-type \"hotplug\" label \"z\" id 1:2",
                132},
        {"allow serial \"a\\nb\"", 16},
        {"allow serial \"a\\tb\"", 16},
        {"allow serial \"a\\x4\"", 16},
        {"allow serial \"a\\q\"", 16},
        {"allow serial \"a\\0b\"", 16},
        {"allow serial \"a\\'b\"", 16},
        {"allow serial \"a\\u0041\"", 16},
        {"allow serial 'a'", 14},
        {"allow serial a", 14},
        {"allow serial \"a", 14},
        {"allow serial \"a\rb\"", 16},
        {"allow serial \"\\x0d\r\"", 19},
        {"allow id 1234:5678\r", 19},
        {"allow if allowed-matches(name \"\r\")", 32},
        {"allow if allowed-matches(#\r)", 27},
        {"allow if random(1e-400)", 17},
        {"allow serial \"a\"\"b\"", 17},
        {"allow serial \"a\"name \"b\"", 17},
        {"allow serial\"a\"", 13},
        {"allow serial {\"a\"\"b\"}", 18},
        {"allow serial \"a\";", 17},
        {"allow hash abc", 12},
        {"allow with-interface *:*:*", 22},
        {"allow with-interface 08:*:50", 22},
        {"allow with-interface *:06:50", 22},
        {"allow with-interface *:*:50", 22},
        {"allow with-interface 8:6:50", 22},
        {"allow with-interface 08:06", 22},
        {"allow with-interface 08:06:500", 30},
        {"allow with-interface \"08:06:50\"", 22},
        {"allow with-interface { 08:06:50, 03:01:01 }", 32},
        {"allow with-interface { 08:06:50 ", 22},
        {"allow with-interface 08:06:50 }", 31},
        {"allow with-interface 08:06:50 03:01:01", 31},
        {"allow if !!true", 11},
        {"allow if ! true", 11},
        {"allow if TRUE", 10},
        {"allow if localtime(25:00-26:00)", 20},
        {"allow if localtime()", 20},
        {"allow if localtime", 19},
        {"allow if localtime(abc)", 20},
        {"allow if localtime (08:00)", 19},
        {"allow if true()", 14},
        {"allow if random(abc)", 17},
        {"allow if allowed-matches()", 26},
        {"allow if allowed-matches(allow id 1234:5678)", 26},
        {"allow if allowed-matches(name \"a)b\")", 31},
        {"allow if foo", 10},
        {"allow if foo(1)", 10},
        {"allow if {}", 10},
        {"allow if true if false", 15},
        {"allow if", 9},
        {"allow id", 9},
        {"allow serial", 13},
        {"allow with-interface", 21},
        {"allow foo \"x\"", 7},
        {"allow via-port 1-2", 16},
        {"allow block", 7},
        {"remove", 1},
        {"allow id 1234:5678serial \"x\"", 19},
        {"allowid 1234:5678", 1},
        {"allow,", 6},
        {"allow name \"a\" , serial \"b\"", 16},
        {"allow connect-type \"x\"", 7},
        {"allow ID 1234:5678", 7},
        {"allow Name \"x\"", 7},
        {"allow id equals{1234:5678}", 16},
        {"allow id equals {1234:5678}serial \"x\"", 28},
        {"allow device_id 1234:5678", 7},
        {"allow if !{ true }", 11},
        {"allow with-interface { }", 22},
        {"allow name one-of { }", 19},
        {"allow with-interface equals 08:06:50", 29},
        {"allow serial \"a\\65b\"", 16},
        {"allow serial \"a\\065b\"", 16},
        {"allow serial \"a\\255b\"", 16},
        {"allow serial \"a\\256b\"", 16},
        {"allow serial \"a\\d065b\"", 16},
        {"allow serial \"a\\a\"", 16},
        {"allow serial \"a\\b\"", 16},
        {"allow serial \"a\\f\"", 16},
        {"allow serial \"a\\n\"", 16},
        {"allow serial \"a\\r\"", 16},
        {"allow serial \"a\\t\"", 16},
        {"allow serial \"a\\v\"", 16},
        {"allow serial \"a\\e\"", 16},
        {"allow serial \"a\\?\"", 16},
        {"allow serial \"a\\/b\"", 16},
        {"allow serial \"a\\[b\"", 16},
        {"allow serial \"a\\ b\"", 16},
        {"allow id 1234:5678 ", 19},
        {"allow id 1234:5678\t", 19},
        {"allow serial {\"a\" # \"b\"", 19},
        {"allow if random()", 17},
        {"allow if rule-applied()", 23},
        {"allow if rule-applied(x)", 23},
        {"allow if localtime(8)", 20},
        {"allow if localtime(-08:00)", 20},
        {"allow if localtime(24:00)", 20},
        {"allow if localtime(\"08:00\")", 20},
        {"allow if true(", 14},
        {"allow if true)", 14},
        {"allow if true (x)", 15},
        {"allow if a-b_c", 10},
        {"allow if 1", 10},
        {"allow if localtime(08:00)true", 26},
        {"allow if true false", 15},
        {"allow id 1234:5678 name", 24},
        {"allow { 1234:5678 }", 7},
        {"allow one-of { 1234:5678 }", 7},
        {"allow 1234:5678 id 1234:5678", 17},
        {"allow with-interface 08:06:**", 29},
        {"allow with-interface 08:06:5", 22},
        {"allow with-interface G0:06:50", 22},
        {"allow with-interface 08:06:50:01", 30},
        {"allow with-interface 0806:50", 22},
        {"allow id 1234:5678 with-interface 03:*:* via-port \"1-1\" if true label \"k\" ", 74},
        {"allow with-interface 03:01:01 with-interface 03:01:01", 31},
        {"allow hash \"a\" hash \"b\"", 16},
        {"allow parent-hash \"a\" parent-hash \"b\"", 23},
        {"allow via-port \"a\" via-port \"b\"", 20},
        {"allow with-connect-type \"a\" with-connect-type \"b\"", 29},
        {"allow serial \"a\" serial \"b\"", 18},
        {"allow if true if true", 15},
        {"allow name \"a\"  \tname \"b\"", 18},
        {"allow if random( )", 17},
        {"allow if random(.)", 17},
        {"allow if random(0.5", 17},
        {"allow if random((0.5)", 17},
        {"allow if random(0.5))", 21},
        {"allow if rule-applied(-1)", 23},
        {"allow if rule-applied(+1:00)", 23},
        {"allow if rule-applied( 10)", 23},
        {"allow if rule-applied(:10)", 23},
        {"allow if rule-evaluated()", 25},
        {"allow if rule-applied(1) rule-applied", 26},
        {"allow if allowed-matches", 25},
        {"allow if allowed-matches(id 1234:5678", 25},
        {"allow if allowed-matches( )", 26},
        {"allow if allowed-matches(id)", 28},
        {"allow if allowed-matches(block)", 26},
        {"allow if allowed-matches(id 1234:567)", 29},
        {"allow if allowed-matches(id 1234:5678 )", 38},
        {"allow if allowed-matches(name \"x\" 1234:5678)", 35},
        {"allow if allowed-matches(id 1234:5678 if random(0.5))", 49},
        {"allow if allowed-matches(if allowed-matches(id 1234:5678))", 44},
        {"allow if allowed-matches(name \"a\" }", 25},
};

/* Where we accept and USBGuard refuses, or prints another rule: sekisho-rules(5). */
static const struct accepted ONLY_HERE[] = {
        {"allow if localtime(08:00:30-17:00:00)", "allow if localtime(08:00:30-17:00:00)"},
        {"allow if localtime(22:00-06:00)", "allow if localtime(22:00-06:00)"},
        {"allow if allowed-matches(name \"\\\"\")", "allow if allowed-matches(name \"\\\"\")"},
        {"allow if allowed-matches(id 1234:5678 # C:\\USB)",
                "allow if allowed-matches(id 1234:5678 # C:\\USB)"},
        {"allow if rule-evaluated", "allow if rule-evaluated"},
        {"allow if !rule-evaluated(00:10)", "allow if !rule-evaluated(00:10)"},
        {"allow if { rule-evaluated rule-applied(5) }",
                "allow if { rule-evaluated rule-applied(5) }"},
};

/* Where we refuse and USBGuard accepts: sekisho-rules(5). */
static const struct refused REFUSED_HERE[] = {
        {"device id 1234:5678", 1},
        {"match id 1234:5678", 1},
        {"device", 1},
        {"match", 1},
        {"match 1234:5678", 1},
        {"device name \"x\"", 1},
        {"allowblock", 1},
        {"allow id 1234:5678block", 19},
        {"allow if random(0.5)block", 21},
        {"allow if true(x)", 14},
        {"allow if false( )", 15},
        {"allow if localtime(08:60)", 20},
        {"allow if localtime(08:00#)", 20},
        {"allow if localtime(8: 05)", 20},
        {"allow if localtime(08:00-)", 20},
        {"allow if localtime(08:00-09:00-10:00)", 20},
        {"allow if localtime(08:00xyz)", 20},
        {"allow if localtime(08:00-17:00xyz)", 20},
        {"allow if localtime(08:00,17:00)", 20},
        {"allow if localtime(08:00-17:60)", 20},
        {"allow if localtime(08:00:61)", 20},
        {"allow if random(2)", 17},
        {"allow if random(-1)", 17},
        {"allow if random(1.00000001)", 17},
        {"allow if random(nan)", 17},
        {"allow if random(inf)", 17},
        {"allow if random(0,5)", 17},
        {"allow if random(0.5x)", 17},
        {"allow if random(0.5 5)", 17},
        {"allow if rule-applied(1h)", 23},
        {"allow if rule-applied(10:)", 23},
        {"allow if rule-applied(1:2:3:4)", 23},
        {"allow if rule-applied(00:-1)", 23},
        {"allow if rule-applied(1 :2)", 23},
        {"allow if rule-applied(1: 2)", 23},
        {"allow if rule-applied( 1:02)", 23},
        {"allow if rule-evaluated(10x)", 25},
        {"allow if rule-applied(18446744073709551616)", 23},
};

static struct rule_set *parse(const char *text)
{
	struct rule_set *set;
	struct rule_error error;
	int result = rule_set_parse(text, strlen(text), &set, &error);

	if (result)
		fail_msg("%s: %zu:%zu: %s", text, error.line, error.column, error.message);
	assert_non_null(set);
	return set;
}

static void check_accepted(const struct accepted *row)
{
	struct rule_set *set = parse(row->rule);
	char *text = NULL;

	if (!row->canonical[0]) {
		assert_int_equal(rule_set_count(set), 0);
	} else {
		assert_int_equal(rule_set_count(set), 1);
		assert_int_equal(rule_set_print(set, 1, &text), 0);
		assert_string_equal(text, row->canonical);
	}
	free(text);
	rule_set_free(&set);
	assert_null(set);
}

static void check_refused(const struct refused *row)
{
	struct rule_set *set;
	struct rule_error error;

	if (rule_set_parse(row->rule, strlen(row->rule), &set, &error) != ERR_FORMAT)
		fail_msg("accepted: %s", row->rule);
	assert_null(set);
	assert_int_equal(error.line, 1);
	if (error.column != row->column)
		fail_msg("%s: column %zu, not %zu: %s", row->rule, error.column, row->column,
		        error.message);
	assert_true(strlen(error.message) > 0);
}

static void accepts_and_prints_as_usbguard(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ACCEPTED) / sizeof(ACCEPTED[0]); i++)
		check_accepted(&ACCEPTED[i]);
	for (size_t i = 0; i < sizeof(ONLY_HERE) / sizeof(ONLY_HERE[0]); i++)
		check_accepted(&ONLY_HERE[i]);
}

static void refuses_with_a_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
		check_refused(&REFUSED[i]);
	for (size_t i = 0; i < sizeof(REFUSED_HERE) / sizeof(REFUSED_HERE[0]); i++)
		check_refused(&REFUSED_HERE[i]);
}

static void canonical_form_is_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ACCEPTED) / sizeof(ACCEPTED[0]); i++) {
		struct accepted again = {ACCEPTED[i].canonical, ACCEPTED[i].canonical};

		if (again.rule[0])
			check_accepted(&again);
	}
}

static void a_set_is_whole_or_not_at_all(void **state)
{
	static const char TEXT[] =
	        "# keyboards\n\nallow id 1234:5678\n  # indented\nblock\nallow nonsense\n";
	struct rule_set *set;
	struct rule_error error;

	(void)state;
	assert_int_equal(rule_set_parse(TEXT, sizeof(TEXT) - 1, &set, &error), ERR_FORMAT);
	assert_null(set);
	assert_int_equal(error.line, 6);
	assert_int_equal(error.column, 7);
}

static void rules_are_numbered_without_comments(void **state)
{
	struct rule_set *set =
	        parse("# one\n\nallow id 1234:5678\n# two\nblock # all else\nreject");
	char *text = NULL;

	(void)state;
	assert_int_equal(rule_set_count(set), 3);
	assert_int_equal(rule_set_print(set, 2, &text), 0);
	assert_string_equal(text, "block");
	free(text);
	assert_int_equal(rule_set_print(set, 0, &text), ERR_NOT_FOUND);
	assert_null(text);
	assert_int_equal(rule_set_print(set, 4, &text), ERR_NOT_FOUND);
	rule_set_free(&set);
	rule_set_free(&set);
}

static void an_empty_text_is_an_empty_set(void **state)
{
	struct rule_set *set = parse("");

	(void)state;
	assert_int_equal(rule_set_count(set), 0);
	rule_set_free(&set);
}

static void refuses_nul_and_endless_lines(void **state)
{
	static const char NUL[] = "allow name \"a\0b\"\n";
	struct rule_set *set;
	struct rule_error error;
	size_t length = 70000;
	char *line = malloc(length);

	(void)state;
	assert_int_equal(rule_set_parse(NUL, sizeof(NUL) - 1, &set, &error), ERR_FORMAT);
	assert_int_equal(error.column, 14);
	assert_non_null(line);
	memset(line, 'a', length);
	snprintf(line, length, "allow name \"");
	line[12] = 'a';
	line[length - 1] = '"';
	assert_int_equal(rule_set_parse(line, length, &set, &error), ERR_FORMAT);
	assert_null(set);
	line[65535] = '"';
	assert_int_equal(rule_set_parse(line, 65536, &set, &error), 0);
	rule_set_free(&set);
	free(line);
}

static void refuses_too_many_rules(void **state)
{
	static const char ALLOW[] = {'a', 'l', 'l', 'o', 'w', '\n'};
	enum { RULES = 200001 };
	char *text = malloc((size_t)RULES * 6);
	struct rule_set *set;
	struct rule_error error;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < RULES; i++)
		memcpy(text + i * sizeof(ALLOW), ALLOW, sizeof(ALLOW));
	assert_int_equal(rule_set_parse(text, (size_t)(RULES - 1) * 6, &set, &error), 0);
	assert_int_equal(rule_set_count(set), RULES - 1);
	rule_set_free(&set);
	assert_int_equal(rule_set_parse(text, (size_t)RULES * 6, &set, &error), ERR_FORMAT);
	assert_int_equal(error.line, RULES);
	assert_null(set);
	free(text);
}

static void names_targets(void **state)
{
	(void)state;
	assert_string_equal(rule_target_name(RULE_ALLOW), "allow");
	assert_string_equal(rule_target_name(RULE_BLOCK), "block");
	assert_string_equal(rule_target_name(RULE_REJECT), "reject");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(accepts_and_prints_as_usbguard),
	        cmocka_unit_test(refuses_with_a_place),
	        cmocka_unit_test(canonical_form_is_its_own),
	        cmocka_unit_test(a_set_is_whole_or_not_at_all),
	        cmocka_unit_test(rules_are_numbered_without_comments),
	        cmocka_unit_test(an_empty_text_is_an_empty_set),
	        cmocka_unit_test(refuses_nul_and_endless_lines),
	        cmocka_unit_test(refuses_too_many_rules),
	        cmocka_unit_test(names_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
