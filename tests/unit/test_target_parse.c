/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What engines wrote, and what others could write in their place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "target/cgroup_path.h"
#include "target/http.h"
#include "target/json.h"
#include "target/oci.h"
#include "target/text.h"

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER64 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static struct json_object *parse(const char *text)
{
	struct error err = { 0 };

	return json_parse(text, strlen(text), "test", &err);
}

static void json_wants_one_whole_value(void **state)
{
	static const char *const refused[] = { "", " ", "{", "{}}", "{} x", "[1,2", "{\"a\":}",
		"nul", "\"abc", "{\"a\":1}{\"b\":2}", "{\"a\":01}" };
	static const char *const taken[] = { "{}", " {\"a\" : [1, {}]} \n", "[]" };

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct error err = { 0 };

		print_message("# %s\n", refused[i]);
		assert_null(json_parse(refused[i], strlen(refused[i]), "test", &err));
		assert_int_not_equal(err.code, 0);
		assert_non_null(strstr(err.message, "test"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		_cleanup_json_ struct json_object *object = parse(taken[i]);

		assert_non_null(object);
	}
}

static void json_is_bounded_in_depth(void **state)
{
	char text[2 * 4000 + 1];
	struct error err = { 0 };

	memset(text, '[', 4000);
	memset(text + 4000, ']', 4000);
	text[8000] = '\0';
	assert_null(json_parse(text, 8000, "deep", &err));
	_cleanup_json_ struct json_object *flat = json_parse(text + 3990, 20, "flat", &err);
	assert_non_null(flat);
}

static void json_getters_check_types(void **state)
{
	_cleanup_json_ struct json_object *object =
		parse("{\"State\":{\"Pid\":42,\"Neg\":-1,\"Big\":99999999999999999999999,"
		      "\"Half\":4.5,\"Text\":\"42\",\"On\":true,\"One\":1},\"Name\":\"/web\","
		      "\"Nul\":\"a\\u0000b\",\"Empty\":\"\",\"List\":[{\"Pid\":7}],\"a/b\":\"c\"}");
	uint64_t number = 0;

	assert_int_equal(json_pid_at(object, "State/Pid"), 42);
	assert_int_equal(json_pid_at(object, "State/Neg"), 0);
	assert_int_equal(json_pid_at(object, "State/Big"), 0);
	assert_int_equal(json_pid_at(object, "State/Half"), 0);
	assert_int_equal(json_pid_at(object, "State/Text"), 0);
	assert_int_equal(json_pid_at(object, "State/None"), 0);
	assert_int_equal(json_pid_at(object, "Name/Pid"), 0);
	assert_int_equal(json_pid_at(object, "List/Pid"), 0);
	assert_int_equal(json_pid_at(NULL, "State/Pid"), 0);
	assert_true(json_u64_at(object, "State/Pid", 41, &number) < 0);
	assert_int_equal(number, 0);
	assert_string_equal(json_string_at(object, "Name"), "/web");
	assert_null(json_string_at(object, "Nul"));
	assert_null(json_string_at(object, "Empty"));
	assert_null(json_string_at(object, "State"));
	assert_null(json_string_at(object, "State/Pid"));
	assert_string_equal(json_member_string(object, "a/b"), "c");
	assert_true(json_true_at(object, "State/On"));
	assert_false(json_true_at(object, "State/One"));
	assert_null(json_at(object, "", json_type_array));
}

static void oci_states_are_told_apart(void **state)
{
	static const char runc[] =
		"{\"id\":\"web\",\"init_process_pid\":77,\"init_process_start\":12345,"
		"\"config\":{\"rootfs\":\"/srv/web\"}}";
	static const char crun[] = "{\"pid\":78,\"process-start-time\":12346,\"rootfs\":\"rootfs\","
				   "\"bundle\":\"/srv/web\"}";
	_cleanup_json_ struct json_object *runc_object = parse(runc);
	_cleanup_json_ struct json_object *crun_object = parse(crun);
	struct oci_state oci;

	assert_int_equal(oci_parse_state(&oci, runc_object), 0);
	assert_int_equal(oci.pid, 77);
	assert_int_equal(oci.start_time, 12345);
	assert_string_equal(oci.rootfs, "/srv/web");
	oci_state_finish(&oci);
	assert_int_equal(oci_parse_state(&oci, crun_object), 0);
	assert_int_equal(oci.pid, 78);
	assert_int_equal(oci.start_time, 12346);
	assert_string_equal(oci.rootfs, "/srv/web/rootfs");
	oci_state_finish(&oci);
}

static void oci_states_without_proof_give_no_pid(void **state)
{
	static const char *const bad[] = { "{}", "[]", "{\"init_process_pid\":77}",
		"{\"init_process_pid\":\"77\",\"init_process_start\":1}",
		"{\"pid\":77,\"process-start-time\":\"1\"}",
		"{\"init_process_start\":1,\"pid\":77}" };
	static const char *const stopped[] = { "{\"init_process_pid\":0,\"init_process_start\":0}",
		"{\"pid\":77,\"process-start-time\":0}", "{\"pid\":-77,\"process-start-time\":5}",
		"{\"pid\":4294967297,\"process-start-time\":5}" };
	struct oci_state oci;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_json_ struct json_object *object = parse(bad[i]);

		assert_true(oci_parse_state(&oci, object) < 0);
		assert_int_equal(oci.pid, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(stopped); i++) {
		_cleanup_json_ struct json_object *object = parse(stopped[i]);

		assert_int_equal(oci_parse_state(&oci, object), 0);
		assert_int_equal(oci.pid, 0);
	}
}

static void ids_stay_one_component(void **state)
{
	static const char *const ids[] = { "", ".", "..", "../x", "a/b", "/etc" };
	const struct place system = PLACE_SYSTEM;
	struct oci_state oci;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_true(oci_lookup(&oci, &system, "/run/runc", ids[i]) < 0);
		assert_int_equal(oci.pid, 0);
	}
}

static void kubernetes_names(void **state)
{
	static const char *const others[] = { "web", "k8s_", "k8s_a", "k8s_a_", "k8s__pod_ns",
		"k8s_a__ns", "k8s_a_pod" };
	_cleanup_free_ char *name = oci_kubernetes_name("k8s_nginx_web-0_default_1-2-3_0");

	assert_string_equal(name, "web-0/nginx");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_null(oci_kubernetes_name(others[i]));
	}
}

static void annotated_names(void **state)
{
	_cleanup_json_ struct json_object *container =
		parse("{\"io.kubernetes.cri.container-type\":\"container\","
		      "\"io.kubernetes.cri.sandbox-name\":\"web-0\","
		      "\"io.kubernetes.cri.container-name\":\"nginx\"}");
	_cleanup_json_ struct json_object *sandbox =
		parse("{\"io.kubernetes.cri.container-type\":\"sandbox\","
		      "\"io.kubernetes.cri.sandbox-name\":\"web-0\"}");
	_cleanup_json_ struct json_object *half =
		parse("{\"io.kubernetes.cri.container-name\":\"nginx\","
		      "\"io.kubernetes.cri.sandbox-name\":7}");
	_cleanup_free_ char *container_name = oci_annotated_name(container);
	_cleanup_free_ char *sandbox_name = oci_annotated_name(sandbox);

	assert_string_equal(container_name, "web-0/nginx");
	assert_string_equal(sandbox_name, "web-0/pause");
	assert_null(oci_annotated_name(half));
	assert_null(oci_annotated_name(NULL));
}

static void cgroup_paths_name_containers(void **state)
{
	static const struct {
		const char *path;
		const char *engine;
		const char *id;
	} rows[] = {
		{ "/docker/" ID64, "docker", ID64 },
		{ "/system.slice/docker-" ID64 ".scope", "docker", ID64 },
		{ "/docker/" ID64 "/system.slice/ssh.service", "docker", ID64 },
		{ "/docker/" OTHER64 "/docker/" ID64, "docker", ID64 },
		{ "/machine.slice/libpod-" ID64 ".scope/container", "podman", ID64 },
		{ "/libpod_parent/libpod-" ID64, "podman", ID64 },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID64 ".scope",
			"podman", ID64 },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/"
		  "cri-containerd-" ID64 ".scope",
			"cri", ID64 },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-" ID64 ".scope", "cri", ID64 },
		{ "/kubepods/besteffort/pod8c6d/" ID64, "cri", ID64 },
		{ "/system.slice/containerd.service/"
		  "kubepods-besteffort-pod1.slice:cri-containerd:" ID64,
			"cri", ID64 },
		{ "/system.slice/nerdctl-" ID64 ".scope", "containerd", ID64 },
		{ "/lxc.payload.web", "lxc", "web" },
		{ "/lxc.payload.web/init.scope", "lxc", "web" },
		{ "/machine.slice/machine-web\\x2ddb.scope/payload", "nspawn", "web-db" },
		{ "/machine.slice/systemd-nspawn@web.service/payload", "nspawn", "web" },
		{ "/user.slice/runc-web.scope", "runc", "web" },
		{ "/some/where/" ID64, "cgroup", ID64 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cgroup_container found;

		print_message("# %s\n", rows[i].path);
		assert_true(cgroup_path_parse(rows[i].path, &found));
		assert_string_equal(found.engine, rows[i].engine);
		assert_string_equal(found.id, rows[i].id);
	}
}

static void other_cgroup_paths_name_none(void **state)
{
	static const char *const paths[] = { "", "/", "//", "docker-" ID64 ".scope",
		"/user.slice/user-0.slice/session-1.scope", "/docker", "/docker/0123456789abcdef",
		"/docker/" ID64 "0", "/docker-" ID64 ".scope2", "/system.slice/docker-XYZ.scope",
		"/system.slice/docker-.scope", "/lxc.payload.", "/lxc.monitor.web",
		"/libpod_parent/libpod-conmon-" ID64 ".scope",
		"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
		"/machine.slice/machine-a\\x0.scope", "/machine.slice/machine-a\\x00b.scope",
		"/machine.slice/machine-a\\xzzb.scope",
		"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		(":cri-containerd:" ID64) };
	struct cgroup_container found;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		print_message("# %s\n", paths[i]);
		assert_false(cgroup_path_parse(paths[i], &found));
	}
}

static void cgroup_names_are_bounded(void **state)
{
	char path[8192] = "/lxc.payload.";
	struct cgroup_container found;

	memset(path + strlen(path), 'a', 300);
	assert_false(cgroup_path_parse(path, &found));
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_false(cgroup_path_parse(path, &found));
}

static void cgroup_text_takes_the_first_line_that_tells(void **state)
{
	struct cgroup_container found;

	assert_true(cgroup_text_parse("12:cpu:/\n11:name=a:b:/x\n3:memory:/docker/" ID64
				      "\n0::/docker/" OTHER64 "\n",
		&found));
	assert_string_equal(found.id, ID64);
	assert_true(cgroup_text_parse("0::/docker/" ID64, &found));
	assert_false(cgroup_text_parse("0::/\n", &found));
	assert_false(cgroup_text_parse("nonsense\n:\n::\n", &found));
	assert_false(cgroup_text_parse("", &found));
}

static int http(const char *response, const char **body)
{
	size_t size;
	int status = http_parse(response, strlen(response), body, &size);

	if (status > 0) {
		assert_int_equal(size, strlen(*body));
	}
	return status;
}

static void http_responses(void **state)
{
	static const char *const refused[] = { "", "HTTP/1.0 200 OK\r\n", "HTTP/2 200 OK\r\n\r\n",
		"HTTP/1.0 20 OK\r\n\r\nx", "HTTP/1.0 2000 OK\r\n\r\n", "junk\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nab",
		"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nab",
		"HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length:\r\n\r\n" };
	const char *body;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		print_message("# %zu\n", i);
		assert_true(http(refused[i], &body) < 0);
	}
	assert_int_equal(http("HTTP/1.0 200 OK\r\ncontent-length:  2 \r\n\r\nab", &body), 200);
	assert_string_equal(body, "ab");
	assert_int_equal(http("HTTP/1.1 404 Not Found\r\nX: y\r\n\r\n{}", &body), 404);
	assert_string_equal(body, "{}");
	/* A header in the body is none. */
	assert_int_equal(http("HTTP/1.0 200 OK\r\n\r\nContent-Length: 5\r\n\r\n", &body), 200);
}

static void toml_strings(void **state)
{
	static const char text[] = "version = 2\nstate = \"/run/x\" # here\n"
				   "[storage]\n# graphroot = \"/no\"\n  graphroot='/srv/a b'\n"
				   "graphroots = \"/no\"\nrunroot = \"/esc\\n\"\nopen = \"/no\n"
				   "[other]\ndriver = \"vfs\"\n";
	char out[32];
	char tiny[4];

	assert_true(text_toml(text, "", "state", out, sizeof(out)));
	assert_string_equal(out, "/run/x");
	assert_true(text_toml(text, "storage", "graphroot", out, sizeof(out)));
	assert_string_equal(out, "/srv/a b");
	assert_false(text_toml(text, "storage", "graph", out, sizeof(out)));
	assert_false(text_toml(text, "storage", "runroot", out, sizeof(out)));
	assert_false(text_toml(text, "storage", "open", out, sizeof(out)));
	assert_false(text_toml(text, "storage", "driver", out, sizeof(out)));
	assert_false(text_toml(text, "", "version", out, sizeof(out)));
	assert_false(text_toml(text, "", "state", tiny, sizeof(tiny)));
	assert_false(text_toml("", "", "state", out, sizeof(out)));
}

static void key_value_lines(void **state)
{
	char out[16];

	assert_true(
		text_value("A=1\n LEADER = 5 \nLEADER=6\nLEADERS=7\n", "LEADER", out, sizeof(out)));
	assert_string_equal(out, "6");
	assert_false(text_value("LEADER\nXLEADER=1\n", "LEADER", out, sizeof(out)));
	assert_true(text_value("A=", "A", out, sizeof(out)));
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_wants_one_whole_value),
		cmocka_unit_test(json_is_bounded_in_depth),
		cmocka_unit_test(json_getters_check_types),
		cmocka_unit_test(oci_states_are_told_apart),
		cmocka_unit_test(oci_states_without_proof_give_no_pid),
		cmocka_unit_test(ids_stay_one_component),
		cmocka_unit_test(kubernetes_names),
		cmocka_unit_test(annotated_names),
		cmocka_unit_test(cgroup_paths_name_containers),
		cmocka_unit_test(other_cgroup_paths_name_none),
		cmocka_unit_test(cgroup_names_are_bounded),
		cmocka_unit_test(cgroup_text_takes_the_first_line_that_tells),
		cmocka_unit_test(http_responses),
		cmocka_unit_test(toml_strings),
		cmocka_unit_test(key_value_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
