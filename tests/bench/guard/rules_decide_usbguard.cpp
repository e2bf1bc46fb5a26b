// As rules_decide.c, with libusbguard: MemoryRuleSet::getFirstMatchingRule(), which is what
// usbguard-daemon calls for a device, on rules parsed by Rule::fromString() as it does.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <malloc.h>
#include <memory>
#include <string>
#include <usbguard/MemoryRuleSet.hpp>
#include <usbguard/Rule.hpp>
#include <vector>

using usbguard::Rule;

static long resident()
{
	std::ifstream status("/proc/self/status");
	std::string line;

	while (std::getline(status, line))
		if (line.compare(0, 6, "VmRSS:") == 0)
			return std::strtol(line.c_str() + 6, nullptr, 10);
	return -1;
}

int main(int argc, char **argv)
{
	usbguard::MemoryRuleSet set(nullptr);
	std::vector<std::shared_ptr<Rule>> devices;
	std::vector<long> times;
	std::string line;
	size_t found = 0;

	if (argc != 4)
		return EXIT_FAILURE;
	set.setDefaultTarget(Rule::Target::Block);
	for (std::ifstream rules(argv[1]); std::getline(rules, line);)
		set.appendRule(Rule::fromString(line));
	malloc_trim(0);
	long memory = resident();
	for (std::ifstream file(argv[2]); std::getline(file, line);)
		devices.push_back(std::make_shared<Rule>(Rule::fromString("device " + line)));
	size_t rounds = std::strtoul(argv[3], nullptr, 10);
	for (size_t i = 0; i < devices.size() * rounds; i++) {
		auto from = std::chrono::steady_clock::now();
		auto rule = set.getFirstMatchingRule(devices[i % devices.size()]);
		auto to = std::chrono::steady_clock::now();

		found += rule && rule->getRuleID() != Rule::ImplicitID;
		times.push_back(
		        std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count());
	}
	std::sort(times.begin(), times.end());
	std::printf("%ld %ld %ld %zu\n", times[times.size() / 2], times[times.size() * 99 / 100],
	        memory, found / rounds);
	return EXIT_SUCCESS;
}
